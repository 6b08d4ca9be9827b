#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace atp {

// An entry of a zip archive; one that is stored as it is lies at [begin, begin + size) of the archive.
struct ZipEntry {
  std::size_t begin = 0;
  std::size_t size = 0;
  bool is_stored = true;  // else it is compressed or encrypted, and `begin` and `size` say nothing
};

// The entries of an archive, by name; zip64 too. torch.save stores every entry as it is, so that it can be mapped; no
// library that finds entries says where they lie. Throws FormatError naming `path`: no archive, cut short, damaged, two
// entries of one name. The checksums are not compared: torch may be told to write none.
std::map<std::string, ZipEntry> read_zip(const std::string& path, std::string_view bytes);

}  // namespace atp
