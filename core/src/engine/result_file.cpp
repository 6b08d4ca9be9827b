#include "engine/result_file.h"

#include <algorithm>
#include <filesystem>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/value.h"
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
  std::vector<std::string> tasks;
  bool has_tasks = false;

  const TensorShape* find(const std::string& name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& one) { return one.name == name; });
    return found == tensors.end() ? nullptr : &*found;
  }
};

Contents contents_of(const TensorFile& file) {
  Contents contents;
  for (const auto& entry : file.entries()) contents.tensors.push_back({entry.name, entry.shape});
  const auto tasks = tasks_in(file);
  contents.has_tasks = tasks.has_value();
  contents.tasks = tasks.value_or(std::vector<std::string>());
  return contents;
}

std::optional<Contents> known_contents(const ResultFile& result) {
  if (std::filesystem::exists(result.file)) return contents_of(TensorFile(result.file));
  if (!result.planned.empty()) return Contents{result.planned, result.planned_tasks, true};
  return {};
}

std::string names_in(const Contents& contents) {
  std::string names;
  for (const auto& tensor : contents.tensors) {
    if (names.size() > 200) return names + ", …";
    names += (names.empty() ? "" : ", ") + tensor.name;
  }
  return names.empty() ? "nothing" : names;
}

FormatError nothing_for(const ResultFile& result, const Contents& contents, const std::string& reason) {
  return FormatError("'" + result.name + "': nothing can be taken from " + result.file + ": " + reason + "; it holds " +
                     names_in(contents));
}

FormatError no_tensor(const ResultFile& result, const Contents& contents, const std::string& name) {
  return FormatError("'" + result.name + "': there is no tensor '" + name + "' in " + result.file + "; it holds " +
                     names_in(contents));
}

// A tensor by its name; a file that is given for one tensor may call it otherwise.
const TensorShape& find_tensor(const ResultFile& result, const Contents& contents, const std::string& name) {
  const auto* tensor = contents.find(name);
  if (!tensor && !result.tensor.empty()) tensor = contents.find(result.tensor);
  if (!tensor && !result.tensor.empty() && contents.tensors.size() == 1) tensor = &contents.tensors.front();
  if (!tensor) throw no_tensor(result, contents, name);
  return *tensor;
}

// Which of several prompts [N, m, d] is the named task's.
std::int64_t place_of_task(const ResultFile& result, const Contents& contents, std::int64_t prompts) {
  if (prompts == 1 && result.task.empty()) return 0;
  if (!contents.has_tasks) throw nothing_for(result, contents, "it has several and does not say of which tasks");
  std::string known;
  for (std::size_t i = 0; i < contents.tasks.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    if (contents.tasks[i] == result.task && place < prompts) return place;
    known += (known.empty() ? "" : ", ") + contents.tasks[i];
  }
  if (prompts == 1) return 0;
  throw nothing_for(result, contents, "its tasks are " + known + ", and not '" + result.task + "'");
}

// One for each of the result's tasks, for a parameter with another number of them.
bool is_by_task(const TensorShape& tensor, const Contents& contents, const Parameter& parameter) {
  const auto tasks = static_cast<std::int64_t>(contents.tasks.size());
  return !parameter.takes(tensor.shape) && tensor.shape.size() == parameter.shape.size() && tasks > 0 &&
         !tensor.shape.empty() && tensor.shape.front() == tasks &&
         parameter.takes(at::IntArrayRef(tensor.shape).slice(1));
}

// Where a prompt stands: a tensor [m, d], or, with `place`, one of several in a tensor [N, m, d].
struct PromptPlace {
  const TensorShape* tensor;
  std::optional<std::int64_t> place;
};

PromptPlace find_prompt(const ResultFile& result, const Contents& contents) {
  for (const auto& tensor : contents.tensors)
    if (tensor.name.find("lora_embedding_") != std::string::npos)
      throw nothing_for(
          result, contents,
          "it is an adapter of DePT, whose prompt was trained together with a change of the embedded inputs "
          "and is no prompt without it; expected a prompt that stands alone");
  const auto* tensor = contents.find("prompt");
  if (!tensor) tensor = contents.find("prompt_embeddings");
  if (!tensor && contents.tensors.size() == 1) tensor = &contents.tensors.front();
  if (!tensor) throw nothing_for(result, contents, "there is no tensor 'prompt'");
  if (tensor->shape.size() == 2) return {tensor, {}};
  if (tensor->shape.size() == 3) return {tensor, place_of_task(result, contents, tensor->shape.front())};
  throw nothing_for(result, contents, "'" + tensor->name + "' is not a matrix [m, d]");
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
  std::map<std::string, std::string> metadata{{"tasks", to_json(list_of(job.tasks))}};
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

at::Tensor read_tensor(const ResultFile& result, const Parameter& parameter) {
  const TensorFile file(result.file);
  const auto contents = contents_of(file);
  const auto& found = find_tensor(result, contents, parameter.name);
  const auto tensor = file.tensor(found.name);
  return (is_by_task(found, contents, parameter) ? tensor.select(0, place_of_task(result, contents, tensor.size(0)))
                                                 : tensor)
      .clone();
}

at::Tensor read_prompt(const ResultFile& result) {
  const TensorFile file(result.file);
  const auto contents = contents_of(file);
  const auto found = find_prompt(result, contents);
  const auto tensor = file.tensor(found.tensor->name);
  return (found.place ? tensor.select(0, *found.place) : tensor).clone();
}

std::optional<std::vector<TensorShape>> tensor_shapes(const ResultFile& result) {
  const auto contents = known_contents(result);
  return contents ? std::optional(contents->tensors) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> tensor_shape(const ResultFile& result, const Parameter& parameter) {
  const auto contents = known_contents(result);
  if (!contents) return {};
  const auto& found = find_tensor(result, *contents, parameter.name);
  if (!is_by_task(found, *contents, parameter)) return found.shape;
  static_cast<void>(place_of_task(result, *contents, found.shape.front()));
  return std::vector<std::int64_t>(found.shape.begin() + 1, found.shape.end());
}

std::optional<std::vector<std::int64_t>> prompt_shape(const ResultFile& result) {
  const auto contents = known_contents(result);
  if (!contents) return {};
  const auto& shape = find_prompt(result, *contents).tensor->shape;
  return std::vector<std::int64_t>(shape.end() - 2, shape.end());
}

}  // namespace atp
