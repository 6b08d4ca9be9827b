// A config.json is refused with FormatError, or its sizes are those of a model.
#include <cstdlib>

#include "atp/error.h"
#include "plugins/backbones/t5/config.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  const MemoryFile input(data, size);
  const auto config = atp::t5::read_config(input.path());
  if (config.width < 1 || config.heads < 1 || config.encoder_layers < 1 || config.decoder_layers < 1 ||
      config.end_token >= config.vocabulary || config.inner_width() < 1)
    std::abort();
  return 0;
} catch (const atp::FormatError&) {
  return 0;
}
