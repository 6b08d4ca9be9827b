#include <filesystem>

#include "atp/error.h"
#include "exchange/format.h"

namespace atp {

namespace {

std::string list_of_formats() {
  std::string list;
  for (const auto& format : formats()) list += std::string("\n  ") + format.name + ": " + format.summary;
  return list;
}

}  // namespace

const std::vector<Format>& formats() {
  static const std::vector<Format> all{
      {"result", "a result of atp: the folder of a finished training", "every method", exchange::is_result,
       exchange::read_result, nullptr},
      {"attempt", "ATTEMPT's .pt files: one prompt, or a folder with prefix_embeddings*.pt and attn_W_*.pt",
       "what is one prompt, as npy; attempt with combiner attempt", exchange::is_attempt, exchange::read_attempt,
       exchange::write_attempt},
      {"npy", "google-research/prompt-tuning: one prompt [m, d] as numpy saves it",
       "what is one prompt: all methods that train a prompt and nothing else (prompt_tuning, spot …); one task of mpt; "
       "attempt with combiner no_attention",
       exchange::is_npy_prompt, exchange::read_npy_prompt, exchange::write_npy_prompt},
      {"peft", "a folder of PEFT: adapter_config.json and adapter_model.safetensors",
       "what is one prompt, as npy; mpt, lora, ia3, prefix_tuning; dept, which is only read", exchange::is_peft,
       exchange::read_peft, exchange::write_peft},
      {"tfew", "T-Few's IA3 in one file of torch.save (read only)", "ia3, which is only read", exchange::is_tfew,
       exchange::read_tfew, nullptr},
  };
  return all;
}

const Format& format_called(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& format : formats()) {
    if (name == format.name) return format;
    known.emplace_back(format.name);
  }
  throw RecipeError("no format '" + name + "'" + did_you_mean(name, known) + "; there are:" + list_of_formats());
}

const Format& format_of(const std::string& path) {
  if (!std::filesystem::exists(path)) throw RecipeError(path + ": no such file or folder");
  for (const auto& format : formats())
    if (format.recognises(path)) return format;
  throw RecipeError(path + ": none of the formats that are known; expected one of:" + list_of_formats());
}

}  // namespace atp
