#include "engine/result_file.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <filesystem>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/value.h"
#include "atp/words.h"
#include "exchange/adapter.h"
#include "io/durable_file.h"

namespace atp {

namespace {

Value list_of(const std::vector<std::string>& words) {
  Value list = Value::list();
  for (const auto& word : words) list.push_back(word);
  return list;
}

Value describe(const std::string& name, const at::Tensor& tensor, const std::string& group) {
  Value one = Value::map();
  one.set("name", name);
  auto& shape = one.set("shape", Value::list());
  for (const auto size : tensor.sizes()) shape.push_back(size);
  if (!group.empty()) one.set("group", group);
  return one;
}

Value describe(const ModelJob& job, const Model& model, const std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, std::string> groups;
  for (const auto* parameter : std::as_const(*model.method).parameters()) groups[parameter->name] = parameter->group;
  Value value = Value::map();
  value.set("format", 1);
  value.set("method", job.method.name);
  value.set("method_options", job.method.options.values());
  if (job.combiner) {
    value.set("combiner", job.combiner->name);
    value.set("combiner_options", job.combiner->options.values());
  }
  value.set("tasks", list_of(job.tasks));
  auto& inputs = value.set("inputs", Value::map());
  for (const auto& [key, files] : job.inputs) {
    std::vector<std::string> names;
    for (const auto& file : files) names.push_back(file.name);
    inputs.set(key, list_of(names));
  }
  auto& backbone = value.set("backbone", backbone_identity(job.backbone));
  backbone.set("name", job.backbone.backbone.name);
  backbone.set("width", model.backbone->shape().width);
  backbone.set("vocabulary", model.backbone->shape().vocabulary);
  auto& list = value.set("tensors", Value::list());
  for (const auto& [name, tensor] : tensors) list.push_back(describe(name, tensor, groups[name]));
  return value;
}

// An identity as messages have it: "t5 with the weights 0a1b…", "t5 with random weights (tiny, seed 0, …)".
std::string backbone_text(const Value& identity) {
  if (!identity.is_map()) return to_json(identity);
  const auto text = [&](const char* key) {
    const Value* value = identity.find(key);
    return value ? to_json(*value) : std::string("unknown");
  };
  const Value* name = identity.find("name");
  std::string words = name && name->is_text() ? name->text() : "a backbone without a name";
  if (identity.find("digest")) return words + " with the weights of digest " + text("digest");
  return words + " with random weights (" + text("random") + ", seed " + text("seed") + ", " + text("pieces") +
         " pieces)";
}

// What a result's file holds, or will hold.
struct Contents {
  std::vector<TensorShape> tensors;
  std::optional<std::vector<std::string>> tasks;  // nothing: it does not say, as other programs' files
  std::optional<std::string> prompt;              // Method::prompt; nothing: it does not say

  const TensorShape* find(const std::string& name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& one) { return one.name == name; });
    return found == tensors.end() ? nullptr : &*found;
  }
};

Contents contents_of(const TensorFile& file) {
  const auto by_task = names_in(file, "of_tasks").value_or(std::vector<std::string>());
  const auto& said = file.metadata();
  const auto prompt = said.find("prompt");
  Contents contents{.tensors = {},
                    .tasks = names_in(file, "tasks"),
                    .prompt = prompt == said.end() ? std::nullopt : std::optional(prompt->second)};
  const auto tasks = contents.tasks ? static_cast<std::int64_t>(contents.tasks->size()) : 0;
  for (const auto& entry : file.entries()) {
    const bool of_tasks = std::find(by_task.begin(), by_task.end(), entry.name) != by_task.end();
    if (of_tasks && (tasks == 0 || entry.shape.empty() || entry.shape.front() != tasks))
      throw FormatError(file.path() + ": '" + entry.name + "' " + shape_text(entry.shape) +
                        " is said to have a part for each task, and there are " + std::to_string(tasks) + " tasks");
    contents.tensors.push_back({entry.name, entry.shape, of_tasks});
  }
  return contents;
}

std::optional<Contents> known_contents(const ResultFile& result) {
  if (std::filesystem::exists(result.file)) return contents_of(TensorFile(result.file));
  if (!result.planned.empty()) return Contents{result.planned, result.planned_tasks, result.planned_prompt};
  return {};
}

std::string tensors_in(const Contents& contents) {
  std::string names;
  for (const auto& tensor : contents.tensors) {
    if (names.size() > 200) return names + ", …";
    names += (names.empty() ? "" : ", ") + tensor.name;
  }
  return names.empty() ? "nothing" : names;
}

FormatError nothing_for(const ResultFile& result, const Contents& contents, const std::string& reason) {
  return FormatError("'" + result.name + "': nothing can be taken from " + result.file + ": " + reason + "; it holds " +
                     tensors_in(contents));
}

FormatError no_tensor(const ResultFile& result, const Contents& contents, const std::string& name) {
  return FormatError("'" + result.name + "': there is no tensor '" + name + "' in " + result.file + "; it holds " +
                     tensors_in(contents));
}

// A tensor by its name; a file that is given for one tensor may call it otherwise.
const TensorShape& find_tensor(const ResultFile& result, const Contents& contents, const std::string& name) {
  const auto* tensor = contents.find(name);
  if (!tensor && !result.tensor.empty()) tensor = contents.find(result.tensor);
  if (!tensor && !result.tensor.empty() && contents.tensors.size() == 1) tensor = &contents.tensors.front();
  if (!tensor) throw no_tensor(result, contents, name);
  return *tensor;
}

// `lack`: ", and none for …".
FormatError say_whose(const ResultFile& result, const std::vector<std::string>& tasks, const std::string& lack) {
  const bool is_file = result.name == result.file;  // {file: PATH, task: NAME}
  std::vector<std::string> words;
  for (const auto& task : tasks) words.push_back(is_file ? "task: " + task : result.name + "." + task);
  return FormatError("'" + result.name + "' has values for each of its tasks" + lack + "; say whose: " + joined(words));
}

// Where the named task stands among those of the result.
std::int64_t place_of_task(const ResultFile& result, const Contents& contents) {
  const auto& tasks = *contents.tasks;
  if (result.task.empty()) throw say_whose(result, tasks, {});
  const auto found = std::find(tasks.begin(), tasks.end(), result.task);
  if (found == tasks.end())
    throw nothing_for(result, contents, "its tasks are " + joined(tasks) + ", and not '" + result.task + "'");
  return found - tasks.begin();
}

// Of a tensor [N, ...] that has a part for each task of the result: the named task's, or the only one.
std::int64_t one_place(const ResultFile& result, const Contents& contents, std::int64_t count) {
  if (result.row) return *result.row;
  if (count == 1) return 0;
  if (!contents.tasks) throw nothing_for(result, contents, "it has several and does not say of which tasks");
  return place_of_task(result, contents);
}

// The same for a step over `wanted`: one place for all of them, or each one's own.
std::vector<std::int64_t> places(const ResultFile& result, const Contents& contents, std::int64_t count,
                                 const std::vector<std::string>& wanted) {
  if (count == 1 || !contents.tasks || !result.task.empty() || result.row) return {one_place(result, contents, count)};
  std::vector<std::int64_t> all;
  for (const auto& task : wanted) {
    const auto found = std::find(contents.tasks->begin(), contents.tasks->end(), task);
    if (found == contents.tasks->end()) throw say_whose(result, *contents.tasks, ", and none for '" + task + "'");
    all.push_back(found - contents.tasks->begin());
  }
  return all;
}

// One for each of the result's tasks. A file that says nothing of that has as many, where the parameter has them too.
bool is_by_task(const TensorShape& tensor, const Contents& contents, const Parameter& parameter) {
  if (tensor.of_tasks) return true;
  return parameter.of_tasks && contents.tasks && tensor.shape.size() == parameter.shape.size() &&
         tensor.shape.front() == static_cast<std::int64_t>(contents.tasks->size());
}

// Its shape without the tasks: [N, ...] → [...].
std::vector<std::int64_t> shape_of_one(const TensorShape& tensor) {
  return {tensor.shape.begin() + 1, tensor.shape.end()};
}

// A tensor [m, d], or one [N, m, d] of several prompts.
const TensorShape& find_prompt(const ResultFile& result, const Contents& contents) {
  if (result.row) {
    const auto* several = contents.find(result.tensor);
    if (several && several->shape.size() == 3 && *result.row < several->shape.front()) return *several;
    throw nothing_for(result, contents,
                      "it keeps no prompt " + std::to_string(*result.row + 1) + " in a tensor '" + result.tensor + "'");
  }
  for (const auto& tensor : contents.tensors)
    if (tensor.name.find("lora_embedding_") != std::string::npos)
      throw nothing_for(
          result, contents,
          "it is an adapter of DePT, whose prompt was trained together with a change of the embedded inputs "
          "and is no prompt without it; expected a prompt that stands alone");
  if (contents.prompt && contents.prompt->empty())
    throw nothing_for(result, contents,
                      "it has no prompt that stands alone; where what it has trained amounts to one for a task, "
                      "atp convert --task writes that to a file, which can be named here");
  const auto* tensor = contents.find(contents.prompt.value_or("prompt"));
  if (!tensor) tensor = contents.find("prompt_embeddings");
  if (!tensor && contents.tensors.size() == 1) tensor = &contents.tensors.front();
  if (!tensor) throw nothing_for(result, contents, "there is no tensor 'prompt'");
  if (tensor->shape.size() != 2 && tensor->shape.size() != 3)
    throw nothing_for(result, contents, "'" + tensor->name + "' is not a matrix [m, d]");
  return *tensor;
}

// The tensor that gives a parameter its first value.
const TensorShape& find_first(const ResultFile& result, const Contents& contents, const Parameter& parameter,
                              FirstFrom from) {
  return from == FirstFrom::prompt ? find_prompt(result, contents) : find_tensor(result, contents, parameter.name);
}

// Of all tasks' parts those that the parameter starts from; nothing where the tensor has no such parts.
std::optional<std::vector<std::int64_t>> first_places(const ResultFile& result, const Contents& contents,
                                                      const TensorShape& tensor, const Parameter& parameter,
                                                      FirstFrom from, const std::vector<std::string>& tasks) {
  const bool by_task = from == FirstFrom::prompt ? tensor.shape.size() == 3 : is_by_task(tensor, contents, parameter);
  if (!by_task) return {};
  auto all = places(result, contents, tensor.shape.front(), tasks);
  if (all.size() > 1 && !parameter.of_tasks)
    static_cast<void>(place_of_task(result, contents));  // which says that one has to be named
  return all;
}

}  // namespace

Value backbone_identity(const BackboneJob& job) {
  if (job.contents.is_null()) return {};
  Value identity = Value::map();
  identity.set("name", job.backbone.name);
  for (const auto& [key, value] : job.contents.members()) identity.set(key, value);
  if (job.folder.empty()) identity.set("pieces", job.vocabulary);
  return identity;
}

void require_backbone(const ResultFile& result, const BackboneJob& job) {
  if (job.contents.is_null() || !std::filesystem::exists(result.file)) return;
  const TensorFile file(result.file);
  const auto said = file.metadata().find("backbone");
  if (said != file.metadata().end())
    require_backbone("'" + result.name + "' (" + result.file + ")",
                     parse_json(said->second, file.path() + " (backbone)"), job);
}

void require_backbone(const std::string& whose, const Value& said, const BackboneJob& job) {
  const Value mine = backbone_identity(job);
  if (mine.is_null() || said.is_null() || canonical_json(said) == canonical_json(mine)) return;
  throw RecipeError(whose + " was trained on another backbone: on " + backbone_text(said) + ", and this step's is " +
                    backbone_text(mine) + (job.folder.empty() ? "" : ", in " + job.folder) +
                    "; a prompt or an adapter fits the very weights that it was trained on");
}

void write_result(const std::string& folder, const ModelJob& job, const Model& model) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.method->save()) tensors.emplace(name, tensor.to(at::kCPU).contiguous());
  std::filesystem::create_directories(folder + "/checkpoint");
  std::vector<std::string> by_task;
  for (const auto* parameter : std::as_const(*model.method).parameters())
    if (parameter->of_tasks) by_task.push_back(parameter->name);
  std::map<std::string, std::string> metadata{{"tasks", to_json(list_of(job.tasks))},
                                              {"of_tasks", to_json(list_of(by_task))},
                                              {"prompt", model.method->prompt()}};
  if (const Value backbone = backbone_identity(job.backbone); !backbone.is_null())
    metadata.emplace("backbone", canonical_json(backbone));
  write_tensors(folder + "/checkpoint/tensors.safetensors", tensors, metadata);
  write_durably(folder + "/checkpoint/method.json", to_json(describe(job, model, tensors), 2) + "\n");
}

std::map<std::string, at::Tensor> read_tensors(const ResultFile& result) {
  const TensorFile file(result.file);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : file.entries()) tensors.emplace(entry.name, file.tensor(entry));
  return tensors;
}

std::map<std::string, at::Tensor> read_tensors_of_task(const ResultFile& result) {
  auto tensors = read_tensors(result);
  if (result.task.empty()) return tensors;
  const auto contents = contents_of(TensorFile(result.file));
  for (const auto& one : contents.tensors)
    if (one.of_tasks) tensors[one.name] = tensors[one.name].select(0, place_of_task(result, contents));
  return tensors;
}

at::Tensor read_first(const ResultFile& result, const Parameter& parameter, FirstFrom from,
                      const std::vector<std::string>& tasks) {
  const TensorFile file(result.file);
  const auto contents = contents_of(file);
  const auto& found = find_first(result, contents, parameter, from);
  const auto tensor = file.tensor(found.name);
  const auto places = first_places(result, contents, found, parameter, from, tasks);
  if (!places) return tensor.clone();
  if (places->size() == 1) return tensor.select(0, places->front()).clone();
  return tensor.index_select(0, at::tensor(*places, at::kLong));
}

at::Tensor read_prompt(const ResultFile& result) {
  const TensorFile file(result.file);
  const auto contents = contents_of(file);
  const auto& found = find_prompt(result, contents);
  const auto tensor = file.tensor(found.name);
  return (tensor.dim() == 3 ? tensor.select(0, one_place(result, contents, tensor.size(0))) : tensor).clone();
}

std::optional<std::vector<TensorShape>> tensor_shapes(const ResultFile& result) {
  auto contents = known_contents(result);
  if (!contents) return {};
  if (!result.task.empty())
    for (auto& tensor : contents->tensors)
      if (tensor.of_tasks) {
        static_cast<void>(place_of_task(result, *contents));
        tensor = {tensor.name, shape_of_one(tensor)};
      }
  return contents->tensors;
}

std::optional<std::vector<std::int64_t>> first_shape(const ResultFile& result, const Parameter& parameter,
                                                     FirstFrom from, const std::vector<std::string>& tasks) {
  const auto contents = known_contents(result);
  if (!contents) return {};
  const auto& found = find_first(result, *contents, parameter, from);
  const auto places = first_places(result, *contents, found, parameter, from, tasks);
  if (!places) return found.shape;
  auto shape = shape_of_one(found);
  if (places->size() > 1) shape.insert(shape.begin(), static_cast<std::int64_t>(places->size()));
  return shape;
}

std::optional<std::vector<std::int64_t>> prompt_shape(const ResultFile& result) {
  const auto contents = known_contents(result);
  if (!contents) return {};
  const auto& found = find_prompt(result, *contents);
  if (found.shape.size() == 2) return found.shape;
  static_cast<void>(one_place(result, *contents, found.shape.front()));
  return shape_of_one(found);
}

bool is_prompt(const ResultFile& result) {
  const auto contents = known_contents(result);
  if (!contents) return false;
  if (result.row) return true;
  if (contents->prompt) return !contents->prompt->empty();
  return contents->tensors.size() == 1;
}

}  // namespace atp
