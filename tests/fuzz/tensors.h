#pragma once

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "tests/fuzz/memory_file.h"

// A file is refused with FormatError, or every byte of every tensor can be read.
inline void read_tensors(const std::uint8_t* data, std::size_t size) try {
  const MemoryFile input(data, size);
  const atp::TensorFile file(input.path());
  unsigned sum = 0;
  for (const auto& entry : file.entries()) {
    const at::Tensor tensor = file.tensor(entry);
    const auto* bytes = static_cast<const unsigned char*>(tensor.const_data_ptr());
    for (std::size_t i = 0; i < tensor.nbytes(); ++i) sum += bytes[i];
  }
  [[maybe_unused]] static volatile unsigned read;
  read = sum;  // nothing of this may be left out
} catch (const atp::FormatError&) {
}
