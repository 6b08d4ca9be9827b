// What ATTEMPT's authors' code saves (AkariAsai/ATTEMPT): each tensor in a .pt file of its own, in one folder.
//   prefix_embeddings.pt, or prefix_embeddings_TASK.pt for each of several tasks    [m, d]
//   attn_W_down.pt [r, d], attn_W_up.pt [d, r], layer_norm_weight.pt [d], layer_norm_bias.pt [d]
// That code takes the source prompts from files that its command line names; here they lie below source_prompts/, by
// their number and name: source_prompts/0.mnli.pt [m, d].
#include <ATen/ops/stack.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "atp/error.h"
#include "atp/words.h"
#include "exchange/format.h"

namespace atp::exchange {

namespace {

namespace fs = std::filesystem;

const std::string prompt_stem = "prefix_embeddings";

struct Layer {
  const char* file;
  const char* name;  // in a result
  int dimensions;
};
constexpr Layer layers[] = {{"attn_W_down.pt", "attention.down.weight", 2},
                            {"attn_W_up.pt", "attention.up.weight", 2},
                            {"layer_norm_weight.pt", "attention.norm.weight", 1},
                            {"layer_norm_bias.pt", "attention.norm.bias", 1}};

at::Tensor matrix_in(const std::string& path) { return numbers_in(TensorFile(path), "tensor", {-1, -1}); }

// Prompts [m, d] as [N, m, d]; all must be of one shape.
at::Tensor stacked(const std::vector<std::pair<std::string, at::Tensor>>& prompts) {
  std::vector<at::Tensor> tensors;
  for (const auto& [path, prompt] : prompts) {
    if (prompt.sizes() != prompts.front().second.sizes())
      throw FormatError(Origin{path, 0, 0}, "the prompt has shape " + shape_text(prompt.sizes()) + ", and that of " +
                                                prompts.front().first + " " +
                                                shape_text(prompts.front().second.sizes()) + "; expected them alike");
    tensors.push_back(prompt);
  }
  return at::stack(tensors);
}

bool has_attention(const std::string& folder) { return fs::exists(folder + "/" + layers[0].file); }

// The prompts of a folder by their tasks; "" for the one without a task.
std::map<std::string, std::string> prompt_files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".pt" || !stem.starts_with(prompt_stem)) continue;
    if (stem == prompt_stem)
      files.emplace("", entry.path().string());
    else if (stem[prompt_stem.size()] == '_')
      files.emplace(stem.substr(prompt_stem.size() + 1), entry.path().string());
  }
  return files;
}

// source_prompts/NUMBER.NAME.pt in the order of their numbers.
std::map<std::size_t, std::pair<std::string, std::string>> source_files(const std::string& folder) {
  std::map<std::size_t, std::pair<std::string, std::string>> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    const auto digits = stem.find_first_not_of("0123456789");
    if (entry.path().extension() != ".pt" || digits == 0 || digits > 6 || stem[digits] != '.')
      throw FormatError(Origin{entry.path().string(), 0, 0}, "no source prompt; expected NUMBER.NAME.pt");
    if (!files.try_emplace(std::stoul(stem), stem.substr(digits + 1), entry.path().string()).second)
      throw FormatError(Origin{entry.path().string(), 0, 0},
                        "two source prompts have the number " + stem.substr(0, digits));
  }
  return files;
}

void read_attention(const std::string& folder, Adapter& adapter) {
  for (const auto& layer : layers) {
    const std::string file = folder + "/" + layer.file;
    if (!fs::exists(file))
      throw FormatError(Origin{folder, 0, 0},
                        std::string("there are attention layers, and ") + layer.file + " is not among them");
    adapter.tensors.emplace(layer.name,
                            numbers_in(TensorFile(file), "tensor",
                                       std::vector<std::int64_t>(static_cast<std::size_t>(layer.dimensions), -1)));
  }
  adapter.combiner_options.set("rank", adapter.tensors.at("attention.down.weight").size(0));
}

void read_sources(const std::string& folder, Adapter& adapter) {
  std::vector<std::pair<std::string, at::Tensor>> prompts;
  for (const auto& [number, file] : source_files(folder + "/source_prompts")) {
    adapter.sources.push_back(file.first);
    adapter.source_files.push_back(file.second);
    prompts.emplace_back(file.second, matrix_in(file.second));
  }
  if (prompts.empty())
    throw FormatError(
        Origin{folder, 0, 0},
        "attention layers, and no source prompts that they mix; expected source_prompts/NUMBER.NAME.pt "
        "(ATTEMPT names them on its command line: copy them there). The layers alone can stand in a recipe: "
        "attention_from: {files: {down: attn_W_down.pt, …}}");
  adapter.tensors.emplace("source_prompts", stacked(prompts));
  adapter.options.set("prompt_length", prompts.front().second.size(0));
}

// A name that a file can have.
std::string file_part(std::string name) {
  for (char& letter : name)
    if (letter == '/' || static_cast<unsigned char>(letter) < ' ') letter = '_';
  return name;
}

void write_mixture(const Adapter& adapter, const std::string& path) {
  const auto tensor = [&](const char* name) { return adapter.tensors.at(name); };
  for (const auto& layer : layers) write_tensor(path + "/" + layer.file, tensor(layer.name));
  const at::Tensor sources = tensor("source_prompts");
  fs::create_directories(path + "/source_prompts");
  for (std::int64_t i = 0; i < sources.size(0); ++i) {
    const auto number = static_cast<std::size_t>(i);
    const std::string name = number < adapter.sources.size() ? adapter.sources[number] : "source";
    write_tensor(path + "/source_prompts/" + std::to_string(i) + "." + file_part(name) + ".pt", sources[i]);
  }
  if (!adapter.tensors.count("prompt")) return;
  const at::Tensor prompts = tensor("prompt");
  for (std::int64_t i = 0; i < prompts.size(0); ++i)
    write_tensor(path + "/" + prompt_stem +
                     (prompts.size(0) == 1 ? "" : "_" + file_part(adapter.tasks.at(static_cast<std::size_t>(i)))) +
                     ".pt",
                 prompts[i]);
}

}  // namespace

bool is_attempt(const std::string& path) {
  if (!fs::is_directory(path)) {
    if (fs::path(path).extension() != ".pt") return false;
    const TensorFile file(path);  // one matrix; others have a form of their own
    return file.entries().size() == 1 && file.entries()[0].name == "tensor";
  }
  return !prompt_files(path).empty() || has_attention(path);
}

Adapter read_attempt(const std::string& path) {
  if (!fs::is_directory(path)) return prompt_tuning_adapter(matrix_in(path));
  Adapter adapter{.method = "attempt", .combiner = "attempt"};
  std::vector<std::pair<std::string, at::Tensor>> prompts;
  for (const auto& [task, file] : prompt_files(path)) {
    if (!task.empty()) adapter.tasks.push_back(task);
    prompts.emplace_back(file, matrix_in(file));
  }
  const bool mixes = has_attention(path);
  if (!adapter.tasks.empty() && adapter.tasks.size() != prompts.size())
    throw FormatError(Origin{path, 0, 0}, "prefix_embeddings.pt and prefix_embeddings_" + adapter.tasks.front() +
                                              ".pt; expected the one, or one for each task");
  if (!mixes && prompts.size() != 1)
    throw FormatError(Origin{path, 0, 0}, "prompts of several tasks (" + joined(adapter.tasks) +
                                              ") and no attention layers; convert one of the files");
  if (!mixes) {
    Adapter one = prompt_tuning_adapter(prompts.front().second);
    one.tasks = adapter.tasks;
    return one;
  }
  read_attention(path, adapter);
  read_sources(path, adapter);
  if (prompts.empty()) {
    adapter.options.set("target_prompt", "none");
    return adapter;
  }
  adapter.tensors.emplace("prompt", stacked(prompts));
  adapter.prompt = "prompt";
  adapter.of_tasks = {"prompt"};
  return adapter;
}

void write_attempt(const Adapter& adapter, const std::string& path) {
  if (path.ends_with(".pt")) return write_tensor(path, only_prompt(adapter, "attempt"));
  if (adapter.method != "attempt" || adapter.combiner != "attempt") {
    const at::Tensor prompt = only_prompt(adapter, "attempt");
    fs::create_directories(path);
    return write_tensor(path + "/" + prompt_stem + ".pt", prompt);
  }
  for (const char* option : {"temperature", "centred_pools", "compat"})
    if (const Value* value = adapter.combiner_options.find(option);
        value && !value->is_null() && !(value->is_boolean() && !value->boolean()))
      refuse(adapter, "attempt",
             std::string("its files do not say the option '") + option + "' (" + to_json(*value) + ")");
  for (const auto& layer : layers)
    if (!adapter.tensors.count(layer.name))
      refuse(adapter, "attempt", std::string("there is no tensor '") + layer.name + "'");
  for (const auto& [name, tensor] : adapter.tensors)
    if (name != "prompt" && name != "source_prompts" &&
        std::none_of(std::begin(layers), std::end(layers),
                     [&, &known = name](const Layer& layer) { return known == layer.name; }))
      refuse(adapter, "attempt", "its files have no place for '" + name + "'");
  fs::create_directories(path);
  write_mixture(adapter, path);
}

}  // namespace atp::exchange
