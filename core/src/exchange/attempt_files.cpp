// What ATTEMPT's authors' code saves (AkariAsai/ATTEMPT): each tensor in a .pt file of its own, in one folder.
//   prefix_embeddings.pt, or prefix_embeddings_TASK.pt for each of several tasks    [m, d]
//   attn_W_down.pt [r, d], attn_W_up.pt [d, r], layer_norm_weight.pt [d], layer_norm_bias.pt [d]
// That code takes the source prompts from files that its command line names; here they lie below source_prompts/, by
// their number and name: source_prompts/0.mnli.pt [m, d].
//
// The files do not say how the mixture is made. All of that code's configs say it alike, at every width: temperature
// 2087, and sources padded to one length, so that the padding is in the max-pool.
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iterator>
#include <numbers>
#include <sstream>

#include "atp/error.h"
#include "atp/log.h"
#include "atp/words.h"
#include "exchange/format.h"

namespace atp::exchange {

namespace {

namespace fs = std::filesystem;

const std::string prompt_stem = "prefix_embeddings";
constexpr int temperature = 2087;
constexpr const char* padding = "padding_in_pool";

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
  adapter.combiner_options.set("temperature", temperature);
  adapter.options.set("compat", Value::List{padding});
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

void require_tensor(const Adapter& adapter, const std::string& name, int dimensions) {
  const auto found = adapter.tensors.find(name);
  if (found == adapter.tensors.end()) refuse(adapter, "attempt", "there is no tensor '" + name + "'");
  if (found->second.dim() != dimensions)
    refuse(adapter, "attempt",
           "tensor '" + name + "' has shape " + shape_text(found->second.sizes()) + "; expected " +
               std::to_string(dimensions) + " dimensions");
}

// prefix_embeddings.pt, or the names for each of several tasks. Refuses tasks that are not known, or of one file.
std::vector<std::string> prompt_names(const Adapter& adapter) {
  const auto found = adapter.tensors.find("prompt");
  const auto count = found == adapter.tensors.end() ? 0 : static_cast<std::size_t>(found->second.size(0));
  if (count < 2) return std::vector<std::string>(count, prompt_stem + ".pt");
  if (adapter.tasks.size() != count)
    refuse(adapter, "attempt", "there are " + std::to_string(count) + " prompts, and it does not say of which tasks");
  std::vector<std::string> names;
  for (const auto& task : adapter.tasks) {
    names.push_back(prompt_stem + "_" + file_part(task) + ".pt");
    const auto first = std::find(names.begin(), names.end(), names.back()) - names.begin();
    if (const auto& other = adapter.tasks[static_cast<std::size_t>(first)]; other != task)
      refuse(adapter, "attempt",
             "tasks '" + other + "' and '" + task + "' would both be in " + names.back() +
                 "; write each by itself (--task)");
  }
  return names;
}

bool has_fault(const Value& options, const char* name) {
  const Value* faults = options.find("compat");
  return faults && std::any_of(faults->items().begin(), faults->items().end(),
                               [&](const Value& one) { return one == Value(name); });
}

// What divides the scores, in words; "" where ATTEMPT's program divides by the same. It has the default of T5-base,
// d·e, without the digits behind the point.
std::string other_temperature(const Adapter& adapter) {
  if (has_fault(adapter.combiner_options, "temperature")) return "";
  const Value* said = adapter.combiner_options.find("temperature");
  if (said && said->is_text()) return "what temperature: " + said->text() + " gives";
  const bool is_default = !said || said->is_null();
  const auto width = static_cast<double>(adapter.tensors.at("attention.down.weight").size(1));
  const double divisor = is_default ? width * std::numbers::e : said->number();
  if ((is_default ? std::floor(divisor) : divisor) == temperature) return "";
  std::ostringstream words;
  words << (is_default ? "d·e = " : "") << std::fixed << std::setprecision(std::floor(divisor) == divisor ? 0 : 1)
        << divisor;
  return words.str();
}

// Refuses what ATTEMPT's program would compute otherwise for every input.
void require_released(const Adapter& adapter) {
  std::vector<std::string> departures;
  if (const auto other = other_temperature(adapter); !other.empty())
    departures.push_back("the scores are divided by " + other +
                         " (that program's: temperature: " + std::to_string(temperature) + ")");
  if (const Value* centred = adapter.combiner_options.find("centred_pools"); centred && *centred == Value(true))
    departures.push_back("the pools are centred (that program's: centred_pools: false)");
  if (!departures.empty())
    refuse(adapter, "attempt",
           "the files do not say how the mixture is made, and ATTEMPT's program has one way; here " +
               joined(departures, "; "));
  if (!has_fault(adapter.options, padding))
    log::warn(
        std::string("ATTEMPT's program lets padding into the max-pool of every source that is shorter than its "
                    "source length, and mixes other prompts for those than this result, which was trained without "
                    "(compat: [") +
        padding + "])");
}

void write_mixture(const Adapter& adapter, const std::vector<std::string>& names, const std::string& path) {
  const auto tensor = [&](const char* name) { return adapter.tensors.at(name); };
  for (const auto& layer : layers) write_tensor(path + "/" + layer.file, tensor(layer.name));
  const at::Tensor sources = tensor("source_prompts");
  fs::create_directories(path + "/source_prompts");
  for (std::int64_t i = 0; i < sources.size(0); ++i) {
    const auto number = static_cast<std::size_t>(i);
    const std::string name = number < adapter.sources.size() ? adapter.sources[number] : "source";
    write_tensor(path + "/source_prompts/" + std::to_string(i) + "." + file_part(name) + ".pt", sources[i]);
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    write_tensor(path + "/" + names[i], tensor("prompt")[static_cast<std::int64_t>(i)]);
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
  Adapter adapter{{.method = "attempt", .combiner = "attempt"}};
  std::vector<std::pair<std::string, at::Tensor>> prompts;
  for (const auto& [task, file] : prompt_files(path)) {
    if (!task.empty()) adapter.tasks.push_back(task);
    prompts.emplace_back(file, matrix_in(file));
  }
  const bool mixes = has_attention(path);
  if (!adapter.tasks.empty() && adapter.tasks.size() != prompts.size())
    throw FormatError(Origin{path, 0, 0}, "prefix_embeddings.pt and prefix_embeddings_" + adapter.tasks.front() +
                                              ".pt; expected the one, or one for each task");
  if (!mixes && prompts.empty())
    throw FormatError(Origin{path, 0, 0},
                      "no prompts here; expected prefix_embeddings.pt, or prefix_embeddings_TASK.pt "
                      "and attn_W_down.pt");
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
  for (const auto& layer : layers) require_tensor(adapter, layer.name, layer.dimensions);
  require_tensor(adapter, "source_prompts", 3);
  if (adapter.tensors.count("prompt")) require_tensor(adapter, "prompt", 3);
  require_released(adapter);
  for (const auto& [name, tensor] : adapter.tensors)
    if (name != "prompt" && name != "source_prompts" &&
        std::none_of(std::begin(layers), std::end(layers),
                     [&, &known = name](const Layer& layer) { return known == layer.name; }))
      refuse(adapter, "attempt", "its files have no place for '" + name + "'");
  const auto names = prompt_names(adapter);
  fs::create_directories(path);
  write_mixture(adapter, names, path);
}

}  // namespace atp::exchange
