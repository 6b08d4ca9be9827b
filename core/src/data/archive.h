#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/byte_source.h"

// Archives are read unopened: nothing of them is written to where their names say.
namespace atp {

// The endings of archives that can be read: .zip, .tar.gz, .tgz, .tar, .7z.
const std::vector<std::string>& archive_endings();
bool is_archive(const std::string& path);  // by its name
bool leads_out(const std::string& name);   // of the folder that it stands in: "../x", "/x"

struct ArchiveEntry {
  std::string name;                                              // without "./" before it
  enum class Kind { file, encrypted, other } kind = Kind::file;  // other: a link or device, which is never read
};

// All but folders, in the archive's order. Each archive is listed once, as long as it does not change. Throws DataError
// for one that is broken, cut short, or has a name that leads out of it.
std::shared_ptr<const std::vector<ArchiveEntry>> archive_entries(const std::string& path);

// Hands out the entries to which `number_of` gives a number, in the archive's order, until there were `count` of them
// or the archive ends. Throws DataError where one is encrypted, no file or broken.
void pass_entries(const std::string& path, std::size_t count,
                  const std::function<std::optional<std::size_t>(const std::string& name)>& number_of,
                  const std::function<void(std::size_t number, ByteSource& bytes)>& visit);

// Hands out entries in the order of `names`, each once, in one pass over the archive; what stands there in another
// order is put by in a file without a name. Throws DataError where one is not there, is encrypted, no file or broken.
void visit_entries(const std::string& path, const std::vector<std::string>& names,
                   const std::function<void(std::size_t index, ByteSource& bytes)>& visit);

}  // namespace atp
