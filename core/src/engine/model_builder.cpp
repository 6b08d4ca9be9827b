#include "engine/model_builder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/words.h"
#include "engine/inputs.h"
#include "engine/result_file.h"
#include "exchange/conversion.h"
#include "train/batches.h"
#include "train/optimiser.h"

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

// Rows of every split, up to 1,000 of each and evenly spaced, embedded in batches of 100.
void show_inputs(const std::vector<SplitData>& splits, const Backbone& backbone, at::Device device,
                 const std::function<void(const Embedded&)>& show) {
  constexpr std::int64_t most = 1000;
  constexpr std::size_t at_once = 100;
  std::vector<ExampleNumber> examples;
  for (std::size_t split = 0; split < splits.size(); ++split) {
    const auto size = splits[split].rows->size(), shown = std::min(size, most);
    for (std::int64_t i = 0; i < shown; ++i) examples.push_back({static_cast<std::int64_t>(split), i * size / shown});
  }
  const std::span<const ExampleNumber> all(examples);
  for (std::size_t begin = 0; begin < all.size(); begin += at_once) {
    const auto batch = make_batch(all.subspan(begin, std::min(at_once, all.size() - begin)), splits, device);
    show({.values = backbone.embed(batch.ids), .lengths = batch.lengths, .weights = {}});
  }
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

std::shared_ptr<Method> ModelBuilder::method(const ModelJob& job, std::shared_ptr<Backbone> backbone,
                                             const Listener& listener) const {
  if (job.method.name.empty()) return nullptr;
  std::map<std::string, std::int64_t> inputs;
  for (const auto& option : job.method.options.options().all())
    if (option.names_results()) inputs[option.key] = 0;
  for (const auto& [key, files] : job.inputs) inputs[key] = static_cast<std::int64_t>(files.size());
  MethodContext context{.backbone = std::move(backbone),
                        .tasks = job.tasks,
                        .inputs = std::move(inputs),
                        .source_length = job.source_length,
                        .combiner = [this, &job](const PromptShape& shape) {
                          if (!job.combiner) throw RecipeError("method '" + job.method.name + "' needs a combiner");
                          return registry_.make<PromptCombiner>(job.combiner->name, shape, job.combiner->options);
                        }};
  if (listener) context.note = listener;
  return registry_.make<Method>(job.method.name, context, job.method.options);
}

void ModelBuilder::check_files(const BackboneJob& job) {
  if (job.folder.empty()) return;
  for (const auto& entry : std::filesystem::directory_iterator(job.folder))
    if (entry.path().extension() == ".safetensors") static_cast<void>(TensorFile(entry.path().string()));
}

Model ModelBuilder::outline(const ModelJob& job, const Listener& listener) const {
  Model model;
  model.device = at::kMeta;
  model.backbone = registry_.make<Backbone>(job.backbone.backbone.name, request(job.backbone, at::kMeta),
                                            job.backbone.backbone.options);
  model.method = method(job, model.backbone, listener);
  return model;
}

void ModelBuilder::try_first_values(const ModelJob& job, const Model& outline) const {
  if (outline.method) plan_inputs(job, *outline.method, start(job, outline));
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

Model ModelBuilder::fresh(const ModelJob& job, const std::vector<SplitData>& train) {
  auto made = model(job);
  auto first = start(job, made);
  first.training_inputs = [&](const auto& show) { show_inputs(train, *made.backbone, made.device, show); };
  read_inputs(job, *made.method, first);
  made.method->initialise(first);
  return made;
}

Model ModelBuilder::trained(const EvaluateJob& job) {
  auto made = model(job.model);
  if (made.method) load(job, made);
  return made;
}

void ModelBuilder::load(const EvaluateJob& job, const Model& model) const {
  if (job.adapter) return load(read_adapter(*job.adapter), job.adapter->path, job.model, model);
  if (!job.result)
    throw RecipeError("method '" + job.model.method.name + "' cannot be evaluated without a trained result");
  require_backbone(*job.result, job.model.backbone);
  try {
    model.method->load(read_tensors(*job.result), start(job.model, model));
  } catch (const FormatError& error) {
    throw FormatError("result '" + job.result->name + "' (" + job.result->file + "): " + error.what());
  }
}

void ModelBuilder::load(const Adapter& adapter, const std::string& path, const ModelJob& job,
                        const Model& model) const {
  require_backbone(path, adapter.backbone, job.backbone);
  auto first = start(job, model);
  first.device = model.device.is_meta() ? at::kCPU : model.device;
  try {
    model.method->load(adapter.tensors, first);
  } catch (const FormatError& error) {
    throw FormatError(path + ": does not fit method '" + job.method.name + "' on this backbone: " + error.what());
  }
  const auto kept = model.method->save();
  for (const auto& [name, tensor] : adapter.tensors)
    if (!kept.count(name))
      throw FormatError(path + ": tensor '" + name + "' " + shape_text(tensor.sizes()) + " has no place in method '" +
                        job.method.name + "' on this backbone");
}

namespace {

std::vector<NamedTensor> merged_weights(const ModelJob& job, const Model& model) {
  const at::NoGradGuard no_gradient;
  auto weights = model.method ? model.method->merged(*model.backbone) : std::vector<NamedTensor>();
  if (weights.empty())
    throw RecipeError("'merge': " +
                      (model.method ? "what method '" + job.method.name + "' adds fits into no weight"
                                    : std::string("the untouched backbone has nothing to merge")) +
                      "; leave 'merge' out");
  return weights;
}

}  // namespace

void ModelBuilder::check(const EvaluateJob& job) const {
  const auto planned = outline(job.model);
  if (planned.method && (job.adapter || (job.result && std::filesystem::exists(job.result->file)))) {
    load(job, planned);
  } else if (planned.method) {
    std::map<std::string, at::Tensor> values;
    const auto add = [&](const Parameter& one) {
      values.emplace(one.name, at::empty(one.shape, at::TensorOptions(at::kMeta)));
    };
    for (const auto* one : std::as_const(*planned.method).parameters()) add(*one);
    for (const auto* one : planned.method->buffers()) add(*one);
    planned.method->load(values, start(job.model, planned));
  }
  if (job.merge) static_cast<void>(merged_weights(job.model, planned));
}

void ModelBuilder::merge(const ModelJob& job, Model& model) {
  const at::NoGradGuard no_gradient;
  const auto weights = merged_weights(job, model);
  model.backbone = backbone(job, true);
  for (const auto& [name, weight] : weights) at::Tensor(named_weight(*model.backbone, name)).copy_(weight);
  model.merged = true;
}

Model ModelBuilder::adopted(const ModelJob& job, const Adapter& adapter, const std::string& path) const {
  auto made = outline(job);
  if (made.method->changes_backbone()) {
    require_backbone(path, adapter.backbone, job.backbone);
    throw RecipeError(path + ": method '" + job.method.name +
                      "' trains the backbone's own weights; a checkpoint holds "
                      "those, and no adapter");
  }
  load(adapter, path, job, made);
  return made;
}

TrainedCount count_of(const Model& model, const ModelJob& job) {
  const AdamW::Settings rates{.learning_rate = job.learning_rate, .learning_rates = job.learning_rates};
  TrainedCount count;
  for (const auto& weight : model.backbone->weights()) count.backbone_parameters += weight.second.numel();
  if (!model.method) return count;
  for (const auto* parameter : std::as_const(*model.method).parameters()) {
    if (rates.rate(parameter->group) > 0) count.parameters += parameter->count();
    count.tensors.push_back({parameter->name, parameter->shape, parameter->of_tasks});
    if (std::find(count.groups.begin(), count.groups.end(), parameter->group) == count.groups.end())
      count.groups.push_back(parameter->group);
  }
  count.prompt = model.method->prompt();
  for (const auto* kept : model.method->buffers()) count.tensors.push_back({kept->name, kept->shape});
  count.parameters_per_task =
      static_cast<double>(count.parameters) / static_cast<double>(std::max<std::size_t>(1, job.tasks.size()));
  return count;
}

}  // namespace atp
