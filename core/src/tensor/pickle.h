#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace atp {

// A tensor that a pickle describes; its numbers lie in a storage outside the pickle. It was checked that all of it lies
// within the storage, and that it has no more elements than that.
struct PickledTensor {
  std::string name;  // the keys on the way to it, joined by '.'; "tensor" where it is all that there is
  at::ScalarType type = at::ScalarType::Undefined;
  std::vector<std::int64_t> shape, strides;
  std::int64_t offset = 0;         // of the first element, in elements
  std::string storage;             // its key
  std::int64_t storage_bytes = 0;  // as the pickle says
};

// The tensors in a pickle that torch.save wrote (protocols 2 to 5): a tensor, or dictionaries and lists that hold some,
// one in the other. Other plain data is passed over. A pickle is a program for a small machine that may call anything;
// this machine knows no calls but those by which torch puts a tensor together, and does none of them: it writes down
// what they were given. Whatever else a pickle asks for, the error (FormatError, with `path`) names.
std::vector<PickledTensor> read_pickle(const std::string& path, std::string_view bytes);

}  // namespace atp
