#include "tests/fuzz/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz_rows(atp::Files::Format::jsonl, data, size);
}
