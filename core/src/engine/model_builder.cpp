#include "engine/model_builder.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <filesystem>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/words.h"
#include "engine/result_file.h"

namespace atp {

namespace {

at::ScalarType precision_of(const BackboneJob& job) {
  if (job.precision == "float32") return at::kFloat;
  if (job.precision == "bfloat16") return at::kBFloat16;
  if (job.precision == "float64") return at::kDouble;
  throw RecipeError("precision is '" + job.precision + "'; expected float32, bfloat16 or float64");
}

// Everything that fixes a frozen backbone.
std::string key_of(const BackboneJob& job) {
  Value key = Value::list();
  key.push_back(job.backbone.name);
  key.push_back(job.backbone.options.values());
  key.push_back(job.folder);
  key.push_back(job.random_shape);
  key.push_back(job.random_seed);
  key.push_back(job.vocabulary);
  key.push_back(job.precision);
  return canonical_json(key);
}

// The place in the recipe that names a result, where it is known.
Origin origin_of(const ModelJob& job, const std::string& key) {
  const auto& options = job.method.options;
  return options.options().find(key) ? options.origin(key) : options.where();
}

template <class Function>
auto said_at(const Origin& origin, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    if (error.origin().known() || !origin.known()) throw;
    throw RecipeError(origin, error.what());
  }
}

void check_prompt(const ResultFile& from, const Parameter& parameter) {
  const auto shape = prompt_shape(from);
  if (!shape) return;
  const auto length = parameter.shape.at(parameter.shape.size() - 2), width = parameter.shape.back();
  if (shape->at(1) != width)
    throw RecipeError("'start_from': the prompt of '" + from.name + "' has width " + std::to_string(shape->at(1)) +
                      ", and this step's backbone " + std::to_string(width) + "; start from a prompt of this backbone");
  if (shape->at(0) != length)
    throw RecipeError("'start_from': the prompt of '" + from.name + "' is " + std::to_string(shape->at(0)) +
                      " tokens long, and this step's is " + std::to_string(length) +
                      "; give both the same prompt_length");
}

// In {files: {TENSOR: PATH}} `down` stands for attention.down.weight.
bool is_called(const Parameter& parameter, const std::string& said) {
  return parameter.name == said || parameter.name == "attention." + said ||
         parameter.name == "attention." + said + ".weight";
}

const ResultFile& attention_file(const ModelJob& job, const Parameter& parameter) {
  for (const auto& file : job.attention_from)
    if (file.tensor.empty() || is_called(parameter, file.tensor)) return file;
  throw RecipeError("'attention_from': no file for '" + parameter.name +
                    "'; {files: {TENSOR: PATH}} needs one for each");
}

// Every file is for one of the tensors.
void check_attention_files(const ModelJob& job, const std::vector<const Parameter*>& parameters) {
  std::vector<std::string> known;
  for (const auto* parameter : parameters)
    if (parameter->group == "attention") known.push_back(parameter->name);
  for (const auto& file : job.attention_from)
    if (!known.empty() && !file.tensor.empty() &&
        std::none_of(parameters.begin(), parameters.end(),
                     [&](const auto* one) { return is_called(*one, file.tensor); }))
      throw RecipeError("'attention_from': there is no tensor '" + file.tensor + "'" +
                        did_you_mean(file.tensor, known) + "; there are: " + joined(known));
}

void check_attention(const ResultFile& from, const Parameter& parameter) {
  const auto shape = tensor_shape(from, parameter.name);
  if (shape && *shape != parameter.shape)
    throw RecipeError("'attention_from': '" + parameter.name + "' of '" + from.name + "' has shape " +
                      shape_text(*shape) + ", and this step's " + shape_text(parameter.shape) +
                      "; give both the same combiner with the same options (rank), and the same backbone");
}

}  // namespace

BackboneRequest ModelBuilder::request(const BackboneJob& job, at::Device device) const {
  return {.checkpoint = {.folder = job.folder,
                         .random_shape = job.random_shape,
                         .seed = job.random_seed,
                         .vocabulary = job.vocabulary},
          .precision = precision_of(job),
          .device = device};
}

std::shared_ptr<Method> ModelBuilder::method(const ModelJob& job, std::shared_ptr<Backbone> backbone) const {
  if (job.method.name.empty()) return nullptr;
  const MethodContext context{.backbone = std::move(backbone),
                              .tasks = job.tasks,
                              .sources = static_cast<std::int64_t>(job.source_prompts.size()),
                              .combiner = [this, &job](const PromptShape& shape) {
                                if (!job.combiner)
                                  throw RecipeError("method '" + job.method.name + "' needs a combiner");
                                return registry_.make<PromptCombiner>(job.combiner->name, shape, job.combiner->options);
                              }};
  return registry_.make<Method>(job.method.name, context, job.method.options);
}

void ModelBuilder::check_files(const BackboneJob& job) {
  if (job.folder.empty()) return;
  for (const auto& entry : std::filesystem::directory_iterator(job.folder))
    if (entry.path().extension() == ".safetensors") static_cast<void>(TensorFile(entry.path().string()));
}

Model ModelBuilder::outline(const ModelJob& job) const {
  Model model;
  model.device = at::kMeta;
  model.backbone = registry_.make<Backbone>(job.backbone.backbone.name, request(job.backbone, at::kMeta),
                                            job.backbone.backbone.options);
  model.method = method(job, model.backbone);
  return model;
}

void ModelBuilder::try_first_values(const ModelJob& job, const Model& outline) const {
  if (!outline.method) return;
  auto first = start(job, outline);
  said_at(origin_of(job, "attention_from"),
          [&] { check_attention_files(job, std::as_const(*outline.method).parameters()); });
  for (const auto* parameter : std::as_const(*outline.method).parameters()) {
    if (job.start_from && parameter->name == "prompt")
      said_at(origin_of(job, "start_from"), [&] { check_prompt(*job.start_from, *parameter); });
    else if (!job.attention_from.empty() && parameter->group == "attention")
      said_at(origin_of(job, "attention_from"), [&] { check_attention(attention_file(job, *parameter), *parameter); });
    else if (parameter->initial)
      parameter->initial(first, *parameter);
    first.given.emplace(parameter->name, at::empty(parameter->shape, at::TensorOptions(at::kMeta)));
  }
  // What is left are the values that are kept and not trained: the method sees the shapes of its source prompts.
  const auto place = origin_of(job, "source_prompts");
  for (const auto& source : job.source_prompts) {
    const auto shape = said_at(place, [&] { return prompt_shape(source); });
    if (!shape) return;
    first.source_prompts.emplace_back(source.name, at::empty(*shape, at::TensorOptions(at::kMeta)));
  }
  if (!first.source_prompts.empty()) said_at(place, [&] { outline.method->initialise(first); });
}

std::shared_ptr<Backbone> ModelBuilder::backbone(const ModelJob& job, bool own_copy) {
  const auto make = [&] {
    return registry_.make<Backbone>(job.backbone.backbone.name, request(job.backbone, device_),
                                    job.backbone.backbone.options);
  };
  if (own_copy) return make();
  if (const auto key = key_of(job.backbone); key != shared_key_) {
    shared_.reset();  // before the next one is made: two may not fit
    shared_key_.clear();
    shared_ = make();
    shared_key_ = key;
  }
  return shared_;
}

Model ModelBuilder::model(const ModelJob& job) {
  const auto planned = outline(job);
  Model model;
  model.device = device_;
  model.backbone = backbone(job, planned.method && planned.method->changes_backbone());
  model.dropout = job.backbone.dropout.value_or(model.backbone->shape().dropout);
  model.method = method(job, model.backbone);
  return model;
}

Start ModelBuilder::start(const ModelJob& job, const Model& model) const {
  Start start{.seed = job.seed,
              .device = model.device,
              .precision = job.backbone.precision == "float64" ? at::kDouble : at::kFloat,
              .backbone = model.backbone.get()};
  start.frequent_pieces = job.frequent_pieces;
  return start;
}

Model ModelBuilder::fresh(const ModelJob& job) {
  auto made = model(job);
  auto first = start(job, made);
  for (const auto& source : job.source_prompts) first.source_prompts.emplace_back(source.name, read_prompt(source));
  if (job.start_from) first.given.emplace("prompt", read_prompt(*job.start_from));
  if (!job.attention_from.empty())
    for (const auto* parameter : std::as_const(*made.method).parameters())
      if (parameter->group == "attention")
        first.given.emplace(parameter->name, read_tensor(attention_file(job, *parameter), parameter->name));
  made.method->initialise(first);
  return made;
}

Model ModelBuilder::trained(const ModelJob& job, const std::optional<ResultFile>& result) {
  auto made = model(job);
  if (!made.method) return made;
  if (!result) throw RecipeError("method '" + job.method.name + "' cannot be evaluated without a trained result");
  try {
    made.method->load(read_tensors(*result), start(job, made));
  } catch (const FormatError& error) {
    throw FormatError("result '" + result->name + "' (" + result->file + "): " + error.what());
  }
  return made;
}

TrainedCount count_of(const Model& model, std::size_t tasks) {
  TrainedCount count;
  for (const auto& weight : model.backbone->weights()) count.backbone_parameters += weight.second.numel();
  if (!model.method) return count;
  for (const auto* parameter : std::as_const(*model.method).parameters()) {
    count.parameters += parameter->count();
    count.tensors.push_back({parameter->name, parameter->shape});
    if (std::find(count.groups.begin(), count.groups.end(), parameter->group) == count.groups.end())
      count.groups.push_back(parameter->group);
  }
  count.parameters_per_task =
      static_cast<double>(count.parameters) / static_cast<double>(std::max<std::size_t>(1, tasks));
  return count;
}

}  // namespace atp
