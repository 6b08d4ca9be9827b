#pragma once

#include <atp/tensor_file.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace atp::t5 {

// The tensors of a folder in the Hub's layout: of model.safetensors, else of pytorch_model.bin; either may be in
// shards, which an index names (model.safetensors.index.json). Throws FormatError naming the file and what is wrong
// with it.
class TensorFolder {
 public:
  explicit TensorFolder(const std::string& path);

  std::vector<std::string> names() const;
  const TensorFile::Entry* find(const std::string& name) const;  // nullptr: no such tensor
  at::Tensor tensor(const std::string& name) const;
  std::string where() const;  // the file, or the folder of several

 private:
  void add(const std::string& file);
  void read_index(const std::string& index);
  std::map<std::string, std::string> read_weight_map(const std::string& index) const;

  std::string path_;
  std::vector<std::shared_ptr<TensorFile>> files_;
  std::map<std::string, std::shared_ptr<TensorFile>> places_;
};

}  // namespace atp::t5
