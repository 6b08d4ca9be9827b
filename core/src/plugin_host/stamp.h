#pragma once

#include <string>
#include <utility>
#include <vector>

// What a plugin says of itself, read from the file's bytes before the loader sees it.
namespace atp {

// {ABI, libtorch, standard library, processor, name, version, what it offers}: tools/cmake/plugin_descriptor.cpp.in
// writes it.
struct Stamp {
  std::string abi;
  std::string torch;  // "2.11.0"; empty for a plugin that sees no tensors
  std::string standard_library;
  std::string architecture;
  std::string name;
  std::string version;
  std::vector<std::pair<std::string, std::string>> offers;  // kind, name
  std::string text;                                         // as it stands in the file

  bool known() const { return !name.empty(); }
  bool offers_one(const std::string& kind, const std::string& name) const;
};

// Why a library cannot be used and what to do about it; empty: it can.
struct Fault {
  std::string why;
  std::string fix;

  explicit operator bool() const { return !why.empty(); }
};

// A file as it was read. Both may be there: the stamp of a truncated library still says what it offers.
struct StampedFile {
  Stamp stamp;
  Fault fault;
};

// Whether a file is a regular one and a whole shared object (ELF) for this machine: the loader dies of SIGBUS on a
// truncated one.
Fault check_library(const std::string& path);

// Reads a library's stamp without loading it, after checking the file.
StampedFile read_stamp(const std::string& path);

// What a plugin must have been built with to fit this program. `libtorch` is the version that atp was built for.
Fault check_stamp(const Stamp& stamp, const std::string& libtorch);

// The remedy for a plugin that was built with something else: the commands, with the folder of this installation's
// CMake package where it has one.
std::string how_to_rebuild();

// backbone, task, metric, combiner, method, reader.
const std::vector<std::string>& plugin_kinds();
// Whether plugins of a kind see tensors.
bool needs_libtorch(const std::string& kind);

}  // namespace atp
