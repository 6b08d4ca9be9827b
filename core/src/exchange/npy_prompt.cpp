// Prompts of google-research/prompt-tuning: numpy.save of [m, d] in float32.
#include <filesystem>

#include "exchange/format.h"

namespace atp::exchange {

bool is_npy_prompt(const std::string& path) { return std::filesystem::path(path).extension() == ".npy"; }

Adapter read_npy_prompt(const std::string& path) {
  return prompt_tuning_adapter(numbers_in(TensorFile(path), "tensor", {-1, -1}));
}

void write_npy_prompt(const Adapter& adapter, const std::string& path) {
  write_tensor(path, only_prompt(adapter, "npy"));
}

}  // namespace atp::exchange
