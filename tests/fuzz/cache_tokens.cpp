// A file of the cache of tokens is refused, or its rows are its ids, one behind the other.
#include "atp/error.h"
#include "data/token_file.h"
#include "tests/fuzz/cache_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  const CacheInput input(data, size, atp::token_form);
  if (!input.file()) return 0;
  const auto rows = atp::token_rows(input.file());
  const char* next = input.file()->body().data();
  for (std::int64_t row = 0; row < rows->size(); ++row) {
    for (const auto ids : {rows->source(row), rows->target(row)}) {
      if (reinterpret_cast<const char*>(ids.data()) != next) std::abort();
      read_bytes(ids.data(), ids.size_bytes());
      next += ids.size_bytes();
    }
  }
  if (next != input.file()->body().data() + 4 * input.file()->count(1)) std::abort();
  return 0;
} catch (const atp::FormatError&) {
  return 0;
}
