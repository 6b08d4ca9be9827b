#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "atp/tensor_file.h"

// The forms of tensor files. A reader sees the bytes of a whole file, checks everything that they say against their
// number, and throws FormatError naming `path`. What it lists lies within them.
namespace atp {

struct TensorFileContents {
  std::vector<TensorFile::Entry> entries;  // in any order, each name once
  std::map<std::string, std::string> metadata = {};
};

TensorFileContents read_safetensors(const std::string& path, std::string_view bytes);
TensorFileContents read_torch_save(const std::string& path, std::string_view bytes);
TensorFileContents read_npy(const std::string& path, std::string_view bytes);
bool is_torch_save(std::string_view bytes);  // of this form, or of the one that torch wrote before 1.6
bool is_npy(std::string_view bytes);

// The strides of a tensor that lies in one piece, row by row.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape);
// Elements of a shape; -1 where there are more bytes than a number holds, zeros left out of account.
std::int64_t element_count(const std::vector<std::int64_t>& shape, at::ScalarType type);

}  // namespace atp
