#include "train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/WholeContext.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <mutex>
#include <numeric>

#include "atp/error.h"
#include "atp/seed.h"

namespace atp {

namespace {

std::int64_t updates_of(const TrainSettings& settings, std::int64_t per_epoch) {
  if ((settings.epochs > 0) == (settings.updates > 0)) throw RecipeError("give either epochs or updates, above 0");
  return settings.updates > 0 ? settings.updates : settings.epochs * per_epoch;
}

at::Generator generator_for(at::Device device, std::uint64_t seed) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
  auto generator = at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  generator.set_current_seed(seed);
  return generator;
}

// As `Pass` promises, for operators that take no generator (dropout inside attention kernels).
void seed_default_generator(at::Device device, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

AdamW::Settings optimiser_settings(const TrainSettings& settings) {
  return {.learning_rate = settings.learning_rate,
          .learning_rates = settings.learning_rates,
          .weight_decay = settings.weight_decay,
          .epsilon = settings.epsilon};
}

// A group whose rate is 0 is left as it starts: no decay, no share in the gradient's norm, no work for its gradient.
std::vector<Parameter*> with_gradient(const std::vector<Parameter*>& parameters, const TrainSettings& settings) {
  const auto given = optimiser_settings(settings);
  std::vector<Parameter*> moving;
  for (auto* parameter : parameters) {
    parameter->value.set_requires_grad(given.rate(parameter->group) > 0);
    if (parameter->value.requires_grad()) moving.push_back(parameter);
  }
  return moving;
}

}  // namespace

Trainer::Trainer(const Model& model, std::vector<SplitData> train, const TrainSettings& settings, std::uint64_t seed)
    : model_(model),
      settings_(settings),
      seed_(seed),
      batches_(std::move(train), settings.order, settings.batch_size, seed,
               {.by = settings.sampling, .temperature = settings.sampling_temperature}),
      updates_(updates_of(settings, batches_.per_epoch())),
      schedule_(updates_, settings.warmup_updates),
      parameters_(model.method->parameters()),
      moving_(with_gradient(parameters_, settings)),
      optimiser_(moving_, optimiser_settings(settings)) {
  if (settings.accumulation < 1) throw RecipeError("accumulation is below 1");
}

UpdateRecord Trainer::step() {
  const at::AutoGradMode gradients(true);
  const auto micros = prepare();
  for (std::int64_t i = 0; i < micros; ++i) {
    const auto how = pass(i);
    const auto embedded = embed(i);
    const auto encoded = model_.backbone->encode(embedded, how);
    const auto loss = reduce(model_.backbone->loss(encoded, batch(i).labels, batch(i).label_lengths, how));
    const auto extra = this->extra(i, embedded, encoded, how);
    const auto whole = extra.defined() ? loss + extra : loss;
    if (whole.requires_grad()) whole.backward();  // else every rate is 0
  }
  return update();
}

std::int64_t Trainer::prepare() {
  for (auto* parameter : parameters_) parameter->value.mutable_grad().reset();
  examples_ = batches_.update(done_ / batches_.per_epoch(), done_ % batches_.per_epoch());
  micro_batches_.clear();
  tokens_ = 0;
  loss_.reset();
  extra_.reset();
  const auto size = (examples_.size() + static_cast<std::size_t>(settings_.accumulation) - 1) /
                    static_cast<std::size_t>(settings_.accumulation);
  const std::span<const ExampleNumber> all(examples_);
  for (std::size_t begin = 0; begin < all.size(); begin += size) {
    micro_batches_.push_back(
        make_batch(all.subspan(begin, std::min(size, all.size() - begin)), batches_.splits(), model_.device));
    micro_batches_.back().generator =
        generator_for(model_.device, stream_seed("embed", static_cast<std::int64_t>(micro_batches_.size()) - 1));
    const auto& lengths = micro_batches_.back().label_lengths.host;
    tokens_ += std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  }
  return static_cast<std::int64_t>(micro_batches_.size());
}

std::uint64_t Trainer::stream_seed(const char* purpose, std::int64_t micro) const {
  return derive_seed(seed_, purpose, static_cast<std::uint64_t>(done_), static_cast<std::uint64_t>(micro));
}

Embedded Trainer::embed(std::int64_t micro) const { return model_.embed(batch(micro)); }

Pass Trainer::pass(std::int64_t micro) const {
  auto pass = model_.pass(batch(micro));
  const auto seed = stream_seed("dropout", micro);
  pass.generator = generator_for(model_.device, seed);
  pass.dropout = model_.dropout;
  if (model_.dropout > 0) seed_default_generator(model_.device, seed);
  return pass;
}

at::Tensor Trainer::reduce(const Losses& losses) {
  const auto all = settings_.micro_batch_means
                       ? std::accumulate(losses.tokens.begin(), losses.tokens.end(), std::int64_t{0}) *
                             static_cast<std::int64_t>(micro_batches_.size())
                       : tokens_;
  const auto part = losses.sums.sum().div(static_cast<double>(all));
  loss_ = loss_.defined() ? loss_.add(part.detach()) : part.detach();
  return part;
}

at::Tensor Trainer::extra(std::int64_t micro, const Embedded& embedded, const Encoded& encoded, const Pass& pass) {
  at::Tensor sum;
  for (const auto& losses :
       {embedded.penalty, model_.method->extra_loss(batch(micro), encoded, *model_.backbone, pass)})
    if (losses.defined()) sum = sum.defined() ? sum + losses.sum() : losses.sum();
  if (!sum.defined()) return sum;
  const auto part = sum.div(static_cast<double>(examples_.size()));
  extra_ = extra_.defined() ? extra_.add(part.detach()) : part.detach();
  return part;
}

UpdateRecord Trainer::update() {
  const auto norm = moving_.empty() ? at::zeros_like(loss_) : clip_gradients(moving_, settings_.clip);
  std::vector<at::Tensor> numbers = {loss_, norm.to(loss_.scalar_type())};
  if (extra_.defined()) numbers.push_back(extra_.to(loss_.scalar_type()));
  const auto factor = schedule_.factor(done_);
  optimiser_.step(factor);
  ++done_;
  UpdateRecord record{
      .update = done_, .epoch = epoch(), .rates = {}, .numbers = at::stack(numbers), .examples = examples_};
  for (const auto* parameter : parameters_)
    if (std::none_of(record.rates.begin(), record.rates.end(),
                     [&](const auto& rate) { return rate.first == parameter->group; }))
      record.rates.emplace_back(parameter->group, optimiser_.rate(parameter->group) * factor);
  return record;
}

std::map<std::string, at::Tensor> Trainer::save() const {
  auto tensors = optimiser_.save();
  for (const auto* parameter : parameters_) tensors.emplace("value/" + parameter->name, parameter->value.detach());
  return tensors;
}

void Trainer::restore(const std::map<std::string, at::Tensor>& tensors, std::int64_t done) {
  const at::NoGradGuard no_gradient;
  for (auto* parameter : parameters_) {
    const auto found = tensors.find("value/" + parameter->name);
    if (found == tensors.end() || found->second.sizes() != parameter->value.sizes())
      throw FormatError("the training state has no value of '" + parameter->name + "' of the shape that is trained");
    parameter->value.copy_(found->second);
  }
  optimiser_.restore(tensors, done);
  done_ = done;
}

}  // namespace atp
