#include "exchange/adapter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>

#include <algorithm>

#include "atp/words.h"
#include "exchange/format.h"

namespace atp {

namespace {

bool fits(at::IntArrayRef found, const std::vector<std::int64_t>& wanted) {
  return std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(),
                    [](auto size, auto expected) { return expected < 0 || size == expected; });
}

std::string wanted_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const auto size : shape) sizes.push_back(size < 0 ? "any" : std::to_string(size));
  return "[" + joined(sizes) + "]";
}

at::Tensor tensor_of(const Adapter& adapter, const std::string& name) {
  const auto found = adapter.tensors.find(name);
  if (found == adapter.tensors.end())
    throw FormatError("there is no tensor '" + name + "' in what '" + adapter.method + "' has left");
  return found->second;
}

std::int64_t task_count(const Adapter& adapter) {
  for (const auto& name : adapter.of_tasks)
    if (const auto found = adapter.tensors.find(name); found != adapter.tensors.end()) return found->second.size(0);
  return 1;
}

std::string known_tasks(const Adapter& adapter) {
  if (!adapter.tasks.empty()) return " (they are of: " + joined(adapter.tasks) + ")";
  return "; the files do not name their tasks: --part takes one by its number, from 0 to " +
         std::to_string(task_count(adapter) - 1);
}

std::string refusal(const Adapter& adapter, const std::string& format, const std::string& reason) {
  return "format '" + format + "' cannot hold what method '" + adapter.method + "'" +
         (adapter.combiner.empty() ? "" : " with combiner '" + adapter.combiner + "'") + " has trained: " + reason;
}

void require_one_task(const Adapter& adapter, const std::string& format) {
  if (task_count(adapter) == 1) return;
  throw RecipeError(refusal(adapter, format,
                            "it has a prompt for each of its tasks; say which one" +
                                (adapter.tasks.empty() ? std::string() : " with --task") + known_tasks(adapter)));
}

// The prompt of an adapter that is nothing else.
at::Tensor lone_prompt(const Adapter& adapter, const std::string& format) {
  require_one_task(adapter, format);
  const at::Tensor prompt = tensor_of(adapter, adapter.prompt);
  const bool is_by_task =
      std::find(adapter.of_tasks.begin(), adapter.of_tasks.end(), adapter.prompt) != adapter.of_tasks.end();
  if (prompt.dim() != (is_by_task ? 3 : 2))
    refuse(adapter, format,
           "its prompt " + adapter.prompt + " " + shape_text(prompt.sizes()) + " is no matrix" +
               (is_by_task ? " for each task" : ""));
  return is_by_task ? prompt[0] : prompt;
}

[[noreturn]] void refuse_more_than_a_prompt(const Adapter& adapter, const std::string& format) {
  constexpr std::size_t shown = 3;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : adapter.tensors)
    if (name != adapter.prompt) names.push_back(name);
  const bool is_one = names.size() == 1;
  if (names.size() > shown) names.resize(shown), names.emplace_back("…");
  const std::string what = adapter.prompt.empty()
                               ? joined(names) + (is_one ? " is no prompt by itself" : " are no prompts by themselves")
                               : "it has trained " + joined(names) + " beside its prompt " + adapter.prompt;
  refuse(adapter, format,
         "it changes more than what stands before the input: " + what + "; what would be written is one prompt");
}

}  // namespace

void refuse(const Adapter& adapter, const std::string& format, const std::string& reason) {
  std::string held;
  for (const auto& one : formats()) held += std::string("\n  ") + one.name + ": " + one.methods;
  throw RecipeError(refusal(adapter, format, reason) + "\nWhat the formats hold:" + held +
                    "\natp itself needs none of them: atp predict and recipes take a result as it is");
}

at::Tensor only_prompt(const Adapter& adapter, const std::string& format) {
  if (adapter.tensors.size() == 1 && !adapter.prompt.empty()) return lone_prompt(adapter, format);
  if (adapter.method == "mpt") {
    require_one_task(adapter, format);
    return tensor_of(adapter, "prompt") *
           at::matmul(tensor_of(adapter, "task_columns")[0], tensor_of(adapter, "task_rows")[0]);
  }
  if (adapter.method == "attempt" && adapter.combiner == "no_attention") {
    if (adapter.combiner_options.find("compat"))
      refuse(adapter, format, "it was trained with faults of the released code (compat), and is another sum then");
    require_one_task(adapter, format);
    const at::Tensor mean = tensor_of(adapter, "source_prompts").mean(0);
    return adapter.tensors.count("prompt") ? tensor_of(adapter, "prompt")[0] + mean : mean;
  }
  if (adapter.method == "attempt")
    refuse(adapter, format,
           "each input has a mixture of its own, and what would be written is one prompt for all; "
           "--lossy writes the mean of the mixtures, and says what that costs");
  refuse_more_than_a_prompt(adapter, format);
}

Adapter prompt_tuning_adapter(const at::Tensor& prompt) {
  Adapter adapter{{.method = "prompt_tuning"}};
  adapter.options.set("prompt_length", prompt.size(0));
  adapter.tensors.emplace("prompt", prompt);
  adapter.prompt = "prompt";
  return adapter;
}

Adapter for_part(Adapter adapter, std::int64_t number) {
  const auto count = task_count(adapter);
  if (number < 0 || number >= count)
    throw RecipeError("--part: there is no part " + std::to_string(number) + "; the last one is " +
                      std::to_string(count - 1));
  for (const auto& name : adapter.of_tasks)
    if (auto tensor = adapter.tensors.find(name); tensor != adapter.tensors.end())
      tensor->second = tensor->second.narrow(0, number, 1);
  return adapter;
}

Adapter for_task(Adapter adapter, const std::string& task) {
  if (const auto count = task_count(adapter); count > 1) {
    const auto found = std::find(adapter.tasks.begin(), adapter.tasks.end(), task);
    if (found == adapter.tasks.end())
      throw RecipeError("--task: which part is of '" + task + "' is not known" + did_you_mean(task, adapter.tasks) +
                        known_tasks(adapter));
    const auto number = found - adapter.tasks.begin();  // before the move: arguments are evaluated in any order
    adapter = for_part(std::move(adapter), number);
  }
  adapter.tasks = {task};
  return adapter;
}

at::Tensor numbers_in(const TensorFile& file, const std::string& name, const std::vector<std::int64_t>& shape) {
  const at::Tensor tensor = file.tensor(name);
  if (!tensor.is_floating_point())
    throw FormatError(Origin{file.path(), 0, 0},
                      "tensor '" + name + "' holds integers; expected floating-point numbers");
  if (!fits(tensor.sizes(), shape))
    throw FormatError(Origin{file.path(), 0, 0}, "tensor '" + name + "' has shape " + shape_text(tensor.sizes()) +
                                                     "; expected " + wanted_text(shape));
  if (tensor.numel() == 0)
    throw FormatError(Origin{file.path(), 0, 0},
                      "tensor '" + name + "' has shape " + shape_text(tensor.sizes()) + ", and holds no number");
  if (!at::isfinite(tensor).all().item<bool>())
    throw FormatError(Origin{file.path(), 0, 0}, "tensor '" + name + "' holds NaN or infinity, and scores nothing");
  return tensor.to(tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

void refuse_others(const TensorFile& file, const std::map<std::string, std::string>& known, const std::string& format) {
  for (const auto& entry : file.entries())
    if (!known.count(entry.name))
      throw FormatError(Origin{file.path(), 0, 0},
                        "tensor '" + entry.name + "' " + shape_text(entry.shape) + " is none that " + format + " has");
}

std::map<std::string, std::string> metadata_of(const Adapter& adapter) {
  std::map<std::string, std::string> metadata;
  Value tasks = Value::list();
  for (const auto& task : adapter.tasks) tasks.push_back(task);
  if (!adapter.tasks.empty()) metadata.emplace("tasks", to_json(tasks));
  if (!adapter.backbone.is_null()) metadata.emplace("backbone", canonical_json(adapter.backbone));
  return metadata;
}

std::optional<std::vector<std::string>> names_in(const TensorFile& file, const std::string& key) {
  const auto said = file.metadata().find(key);
  if (said == file.metadata().end()) return {};
  std::vector<std::string> names;
  const Value list = parse_json(said->second, file.path() + " (" + key + ")");
  for (const auto& name : list.items()) names.push_back(name.text());
  return names;
}

void read_metadata(const TensorFile& file, Adapter& adapter) {
  const auto& metadata = file.metadata();
  if (const auto said = metadata.find("backbone"); said != metadata.end())
    adapter.backbone = parse_json(said->second, file.path() + " (backbone)");
  if (auto tasks = names_in(file, "tasks")) adapter.tasks = std::move(*tasks);
}

}  // namespace atp
