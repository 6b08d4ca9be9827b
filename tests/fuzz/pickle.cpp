// A pickle is refused with FormatError, or each of its tensors lies within its storage.
#include "tensor/pickle.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "atp/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  for (const auto& tensor : atp::read_pickle("input", {reinterpret_cast<const char*>(data), size})) {
    if (tensor.name.empty() || tensor.shape.size() != tensor.strides.size()) std::abort();
    long double last = static_cast<long double>(tensor.offset), count = 1;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      count *= static_cast<long double>(tensor.shape[i]);
      last += static_cast<long double>(tensor.shape[i] - 1) * static_cast<long double>(tensor.strides[i]);
    }
    const auto held =
        static_cast<long double>(tensor.storage_bytes / static_cast<std::int64_t>(c10::elementSize(tensor.type)));
    if (count > 0 && (last < 0 || last >= held || count > held)) std::abort();
  }
  return 0;
} catch (const atp::FormatError&) {
  return 0;
}
