// A file of the cache of examples is refused, or each of its examples and bad rows can be read, or is refused.
#include <functional>

#include "atp/error.h"
#include "data/example_store.h"
#include "tests/fuzz/cache_input.h"

namespace {

void read_example(const atp::ExampleStore& store, std::int64_t index, std::string_view body) try {
  const std::less_equal<const char*> no_later;
  for (const auto text : {store.source(index), store.target(index), store.group(index)}) {
    if (!no_later(body.data(), text.data()) || !no_later(text.data() + text.size(), body.data() + body.size()))
      std::abort();
    read_bytes(text.data(), text.size());
  }
  const atp::TaskExample example = store.get(index);
  if (example.references.empty() || example.source != store.source(index)) std::abort();
} catch (const atp::FormatError&) {
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  const CacheInput input(data, size, atp::example_form);
  if (!input.file()) return 0;
  const atp::ExampleStore store(input.file(), CacheInput::key, {"a.tsv", "b.tsv"});
  for (std::int64_t index = 0; index < store.size(); ++index) read_example(store, index, input.file()->body());
  store.bad_rows();
  return 0;
} catch (const atp::FormatError&) {
  return 0;
}
