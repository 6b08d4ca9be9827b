#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "atp/export.h"

// Tensor files in the safetensors form: a 64-bit length, a JSON header {name: {dtype, shape, data_offsets}}, the bytes.
// Part of the installed SDK (component core), as backbones outside the tree read checkpoints too.
namespace atp {

// A file of tensors, memory-mapped. Opening it checks all of it against the file's size before anything is allocated,
// and throws FormatError naming the file, the key, what was found and what was expected.
class ATP_EXPORT TensorFile {
 public:
  struct Entry {
    std::string name;
    at::ScalarType type;
    std::vector<std::int64_t> shape;
    std::size_t begin, end;  // bytes, from the start of the data
  };

  explicit TensorFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<Entry>& entries() const { return entries_; }  // in the order of their names
  const Entry* find(const std::string& name) const;               // nullptr: no such tensor
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // A view of the map, on the CPU; the map lives as long as the tensor. The map is private: writing into the tensor
  // changes this process's copy of a page, never the file. Throws FormatError where there is no such tensor.
  at::Tensor tensor(const std::string& name) const;
  at::Tensor tensor(const Entry& entry) const;

 private:
  class Map;

  std::string path_;
  std::shared_ptr<Map> map_;
  std::size_t data_ = 0;  // where the data starts in the file
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

// Writes a file as one act (temporary file, fsync, rename, fsync of the folder). Equal tensors and metadata give equal
// bytes, those of the reference implementation: larger items first, so that all stay aligned, then by name. Throws
// Error where it cannot be written.
ATP_EXPORT void write_tensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace atp
