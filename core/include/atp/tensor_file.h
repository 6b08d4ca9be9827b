#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "atp/export.h"

// Files of tensors: safetensors, what torch.save writes (.bin, .pt), and numpy's .npy, told apart by their first bytes;
// each can be written, too. Part of the installed SDK (component core), as backbones outside the tree read checkpoints
// too.
namespace atp {

ATP_EXPORT std::string shape_text(at::IntArrayRef shape);  // as messages have it: "[100, 768]"

// A file of tensors, memory-mapped. Opening it checks all of it against the file's size before anything is allocated,
// and throws FormatError naming the file, the key, what was found and what was expected. Nothing that a file says is
// executed: of a pickle, tensors, containers, numbers and texts are understood, and all else is refused by its name.
class ATP_EXPORT TensorFile {
 public:
  struct Entry {
    std::string name;  // torch.save: keys joined by '.', numbers in lists; of a file that is one tensor: "tensor"
    at::ScalarType type;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;  // in elements; of several tensors, some may share their memory
    std::size_t begin;                  // of its first element: bytes from the start of the file
  };

  explicit TensorFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<Entry>& entries() const { return entries_; }                    // in the order of their names
  const Entry* find(const std::string& name) const;                                 // nullptr: no such tensor
  const std::map<std::string, std::string>& metadata() const { return metadata_; }  // safetensors alone has any

  // Contiguous, on the CPU. A view of the map, which lives as long as the tensor; where the file has the tensor
  // transposed, cut out of a larger one or not aligned, a copy. The map is private: writing into the tensor changes
  // this process's copy of a page, never the file. Throws FormatError where there is no such tensor.
  at::Tensor tensor(const std::string& name) const;
  at::Tensor tensor(const Entry& entry) const;

 private:
  class Map;

  std::string path_;
  std::shared_ptr<Map> map_;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

// Writes a safetensors file as one act (temporary file, fsync, rename, fsync of the folder). Equal tensors and metadata
// give equal bytes, those of the reference implementation: larger items first, so that all stay aligned, then by name.
// Throws Error where it cannot be written.
ATP_EXPORT void write_tensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

// Writes one tensor alone, by the path's ending: .npy as numpy.save does, .pt as torch.save does (torch.load reads it
// with weights_only). float32 and float64 as they are, narrower ones as float32. Throws Error where it cannot be
// written, FormatError on another ending.
ATP_EXPORT void write_tensor(const std::string& path, const at::Tensor& tensor);

}  // namespace atp
