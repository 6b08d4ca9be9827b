// The zip archive and all in it; target pickle has the pickle alone.
#include "tests/fuzz/tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_tensors(data, size);
  return 0;
}
