#pragma once

#include <map>
#include <optional>
#include <string>

#include "exchange/adapter.h"

// PEFT's folders: adapter_config.json says what the adapter is, adapter_model.safetensors (or .bin) holds it. Each type
// of PEFT is a pair of functions here; peft.cpp has the table.
namespace atp::exchange {

// A folder that is read. What the config says wrong is a FormatError naming file and key.
class PeftFiles {
 public:
  // Throws FormatError where the config is no map.
  PeftFiles(Value config, std::string config_path, TensorFile tensors);

  const TensorFile& tensors() const { return tensors_; }
  std::string type() const;  // "LORA"
  std::string base_model() const;
  const Value* find(const char* key) const;  // nullptr, nullopt: absent or null
  std::optional<std::int64_t> count(const char* key) const;
  std::optional<double> number(const char* key) const;
  std::int64_t needed_count(const char* key) const;
  // Refuses settings that atp has nothing like: the key is there and says something else than the default.
  void require_default(const char* key, const Value& fallback) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  Value config_;
  std::string config_path_;
  TensorFile tensors_;
};

// What is written: config and tensors by PEFT's names.
struct PeftContents {
  Value config = Value::map();
  std::map<std::string, at::Tensor> tensors = {};
};

Adapter read_peft(const PeftFiles& files);

// peft_prompts.cpp: PROMPT_TUNING, MULTITASK_PROMPT_TUNING, and DePT's PROMPT_TUNING_LORA
Adapter read_prompt_tuning(const PeftFiles& files);
Adapter read_multitask_prompt_tuning(const PeftFiles& files);
Adapter read_dept(const PeftFiles& files);
PeftContents prompt_tuning_of(const Adapter& adapter);
PeftContents multitask_prompt_tuning_of(const Adapter& adapter);

// peft_prefix.cpp: PREFIX_TUNING
Adapter read_prefix_tuning(const PeftFiles& files);
PeftContents prefix_tuning_of(const Adapter& adapter);

// peft_sites.cpp: LORA and IA3, which change linear maps
Adapter read_lora(const PeftFiles& files);
Adapter read_ia3(const PeftFiles& files);
PeftContents lora_of(const Adapter& adapter);
PeftContents ia3_of(const Adapter& adapter);

}  // namespace atp::exchange
