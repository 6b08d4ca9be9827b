// A folder of PEFT: adapter_config.json, a zero byte, adapter_model.safetensors. It is refused, or every tensor of the
// adapter has the shape that the config and the other tensors ask for, and can be read.
#include <algorithm>
#include <string_view>

#include "atp/error.h"
#include "exchange/peft.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), size), begin = std::min(end + 1, size);
  const MemoryFile tensors(data + begin, size - begin);
  const atp::Value config = atp::parse_json(input.substr(0, end), "adapter_config.json");
  const atp::Adapter adapter = atp::exchange::read_peft(
      atp::exchange::PeftFiles(config, "adapter_config.json", atp::TensorFile(tensors.path())));
  double sum = 0;
  for (const auto& [name, tensor] : adapter.tensors) {
    const at::Tensor numbers = tensor.contiguous();
    if (numbers.numel() > 0) sum += *static_cast<const unsigned char*>(numbers.const_data_ptr());
  }
  [[maybe_unused]] static volatile double read;
  read = sum;
  return 0;
} catch (const atp::Error&) {
  return 0;
}
