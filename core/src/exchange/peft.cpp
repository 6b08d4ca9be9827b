#include "exchange/peft.h"

#include <filesystem>

#include "atp/error.h"
#include "atp/file.h"
#include "atp/words.h"
#include "exchange/format.h"
#include "io/durable_file.h"

namespace atp::exchange {

namespace {

namespace fs = std::filesystem;

struct Type {
  const char* name;    // PEFT's peft_type
  const char* method;  // atp's
  Adapter (*read)(const PeftFiles&);
  PeftContents (*write)(const Adapter&);  // nullptr: only read
};

constexpr Type types[] = {
    {"PROMPT_TUNING", "prompt_tuning", read_prompt_tuning, prompt_tuning_of},
    {"MULTITASK_PROMPT_TUNING", "mpt", read_multitask_prompt_tuning, multitask_prompt_tuning_of},
    {"PREFIX_TUNING", "prefix_tuning", read_prefix_tuning, prefix_tuning_of},
    {"LORA", "lora", read_lora, lora_of},
    {"IA3", "ia3", read_ia3, ia3_of},
    {"PROMPT_TUNING_LORA", "dept", read_dept, nullptr},
};

std::string config_path(const std::string& folder) { return folder + "/adapter_config.json"; }

std::string tensors_path(const std::string& folder) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"})
    if (fs::exists(folder + "/" + name)) return folder + "/" + name;
  throw FormatError(Origin{folder, 0, 0},
                    "there is an adapter_config.json, and neither adapter_model.safetensors nor adapter_model.bin");
}

// A method that has a type of its own keeps it; any other with one prompt is written as prompt tuning.
const Type& type_for(const Adapter& adapter) {
  for (const auto& type : types)
    if (adapter.method == type.method) return type;
  return types[0];
}

}  // namespace

PeftFiles::PeftFiles(Value config, std::string config_path, TensorFile tensors)
    : config_(std::move(config)), config_path_(std::move(config_path)), tensors_(std::move(tensors)) {
  if (!config_.is_map()) fail(std::string("found ") + config_.type_name() + ", expected a map of settings");
}

const Value* PeftFiles::find(const char* key) const {
  const Value* value = config_.find(key);
  return value && !value->is_null() ? value : nullptr;
}

void PeftFiles::fail(const std::string& message) const { throw FormatError(Origin{config_path_, 0, 0}, message); }

std::string PeftFiles::type() const {
  const Value* type = find("peft_type");
  if (!type || !type->is_text()) fail("no 'peft_type'; expected what PEFT's save_pretrained writes");
  return type->text();
}

std::string PeftFiles::base_model() const {
  const Value* name = find("base_model_name_or_path");
  return name && name->is_text() ? name->text() : "";
}

std::optional<double> PeftFiles::number(const char* key) const {
  const Value* value = find(key);
  if (!value) return {};
  if (!value->is_number() || !(value->number() > 0))
    fail(std::string("'") + key + "' is " + to_json(*value) + "; expected a number above 0");
  return value->number();
}

std::optional<std::int64_t> PeftFiles::count(const char* key) const {
  constexpr std::int64_t most = 1'000'000'000;
  const Value* value = find(key);
  if (!value) return {};
  if (!value->is_integer() || value->integer() < 1 || value->integer() > most)
    fail(std::string("'") + key + "' is " + to_json(*value) + "; expected an integer of 1 or more");
  return value->integer();
}

std::int64_t PeftFiles::needed_count(const char* key) const {
  const auto found = count(key);
  if (!found) fail(std::string("no '") + key + "'; an adapter of type " + type() + " needs it");
  return *found;
}

void PeftFiles::require_default(const char* key, const Value& fallback) const {
  const Value* value = find(key);
  const bool is_empty =
      value && ((value->is_list() && value->items().empty()) || (value->is_map() && value->members().empty()));
  if (value && !is_empty && !(*value == fallback))
    fail(std::string("'") + key + "' is " + to_json(*value) + ", and atp's methods have nothing like it; expected " +
         to_json(fallback) + " or no such key");
}

Adapter read_peft(const PeftFiles& files) {
  std::vector<std::string> known;
  const std::string said = files.type();
  for (const auto& type : types) {
    if (said == type.name) {
      Adapter adapter = type.read(files);
      adapter.base_model = files.base_model();
      return adapter;
    }
    known.emplace_back(type.name);
  }
  files.fail("'peft_type' is " + to_json(said) + did_you_mean(said, known) + "; those that are read: " + joined(known));
}

bool is_peft(const std::string& path) { return fs::is_regular_file(config_path(path)); }

Adapter read_peft(const std::string& path) {
  const std::string config = config_path(path);
  return read_peft(PeftFiles(parse_json(read_file(config), config), config, TensorFile(tensors_path(path))));
}

void write_peft(const Adapter& adapter, const std::string& path) {
  const Type& type = type_for(adapter);
  if (!type.write) refuse(adapter, "peft", "PEFT has no such type; its authors' own format is only read");
  PeftContents contents = type.write(adapter);
  Value config = Value::map();
  config.set("peft_type", type.name);
  config.set("task_type", "SEQ_2_SEQ_LM");
  config.set("inference_mode", true);
  config.set("base_model_name_or_path", adapter.base_model.empty() ? Value() : Value(adapter.base_model));
  for (const auto& [key, value] : contents.config.members()) config.set(key, value);
  auto metadata = metadata_of(adapter);
  metadata.emplace("format", "pt");
  fs::create_directories(path);
  write_tensors(path + "/adapter_model.safetensors", contents.tensors, metadata);
  write_durably(config_path(path), to_json(config, 2) + "\n");
}

}  // namespace atp::exchange
