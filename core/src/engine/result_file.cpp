#include "engine/result_file.h"

#include <algorithm>
#include <filesystem>

#include "atp/error.h"
#include "atp/safetensors.h"
#include "atp/value.h"
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
  std::vector<std::string> sources;
  for (const auto& source : job.source_prompts) sources.push_back(source.name);
  value.set("source_prompts", list_of(sources));
  auto& backbone = value.set("backbone", Value::map());
  backbone.set("name", job.backbone.backbone.name);
  backbone.set("width", model.backbone->shape().width);
  backbone.set("vocabulary", model.backbone->shape().vocabulary);
  auto& list = value.set("tensors", Value::list());
  for (const auto& [name, tensor] : tensors) list.push_back(describe(name, tensor, groups[name]));
  return value;
}

std::string names_in(const TensorFile& file) {
  std::string names;
  for (const auto& entry : file.entries()) {
    if (names.size() > 200) return names + ", …";
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  return names.empty() ? "nothing" : names;
}

FormatError no_prompt(const ResultFile& result, const TensorFile& file, const std::string& reason) {
  return FormatError("'" + result.name + "': no prompt can be taken from " + result.file + ": " + reason +
                     "; it holds " + names_in(file));
}

at::Tensor of_task(const ResultFile& result, const TensorFile& file, const at::Tensor& prompts) {
  if (prompts.size(0) == 1 && result.task.empty()) return prompts.select(0, 0).clone();
  const auto text = file.metadata().find("tasks");
  if (text == file.metadata().end()) throw no_prompt(result, file, "it has several and does not say of which tasks");
  const auto tasks = parse_json(text->second, result.file);
  std::string known;
  for (std::size_t i = 0; i < tasks.items().size(); ++i) {
    const auto& task = tasks.items()[i].text();
    if (task == result.task && static_cast<std::int64_t>(i) < prompts.size(0))
      return prompts.select(0, static_cast<std::int64_t>(i)).clone();
    known += (known.empty() ? "" : ", ") + task;
  }
  if (prompts.size(0) == 1) return prompts.select(0, 0).clone();
  throw no_prompt(result, file, "its tasks are " + known + ", and not '" + result.task + "'");
}

}  // namespace

void write_result(const std::string& folder, const ModelJob& job, const Model& model) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.method->save()) tensors.emplace(name, tensor.to(at::kCPU).contiguous());
  std::filesystem::create_directories(folder + "/checkpoint");
  write_tensors(folder + "/checkpoint/tensors.safetensors", tensors, {{"tasks", to_json(list_of(job.tasks))}});
  write_durably(folder + "/checkpoint/method.json", to_json(describe(job, model, tensors), 2) + "\n");
}

std::map<std::string, at::Tensor> read_tensors(const ResultFile& result) {
  const TensorFile file(result.file);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : file.entries()) tensors.emplace(entry.name, file.tensor(entry));
  return tensors;
}

at::Tensor read_tensor(const ResultFile& result, const std::string& name) {
  const TensorFile file(result.file);
  if (!file.find(name))
    throw FormatError("'" + result.name + "': there is no tensor '" + name + "' in " + result.file + "; it holds " +
                      names_in(file));
  return file.tensor(name).clone();
}

at::Tensor read_prompt(const ResultFile& result) {
  const TensorFile file(result.file);
  const auto* entry = file.find("prompt");
  if (!entry) entry = file.find("prompt_embeddings");
  if (!entry && file.entries().size() == 1) entry = &file.entries().front();
  if (!entry) throw no_prompt(result, file, "there is no tensor 'prompt'");
  if (entry->shape.size() == 2) return file.tensor(*entry).clone();
  if (entry->shape.size() == 3) return of_task(result, file, file.tensor(*entry));
  throw no_prompt(result, file, "'" + entry->name + "' is not a matrix [m, d]");
}

}  // namespace atp
