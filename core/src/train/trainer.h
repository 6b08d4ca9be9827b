#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "atp/batch.h"
#include "atp/export.h"
#include "engine/engine.h"
#include "train/batches.h"
#include "train/model.h"
#include "train/optimiser.h"
#include "train/schedule.h"

namespace atp {

// What an update leaves behind for metrics.jsonl and for messages.
struct UpdateRecord {
  std::int64_t update = 0;                            // from 1
  double epoch = 0;                                   // epochs that are done with it
  std::vector<std::pair<std::string, double>> rates;  // learning rate by group
  // On the device: loss before it, gradient norm before clipping, and, where method or combiner add something to the
  // loss, that.
  at::Tensor numbers;
  std::vector<ExampleNumber> examples;
};

// Training that is stepped. An update's phases can be driven one by one, so that several trainers can share a pass
// through one backbone:
//   for (i < trainer.prepare()) {
//     embedded = trainer.embed(i);  encoded, losses = …the backbone's, with trainer.pass(i)…;
//     trainer.reduce(losses).backward();   // trainer.extra(i, embedded, encoded, pass) added, where it is defined
//   }
//   record = trainer.update();
// The loss of an update is the mean over all its target tokens, however many micro-batches it is cut into. Between two
// updates the trainer can be saved, and another one restored to the same position goes on bit for bit.
class ATP_EXPORT Trainer {
 public:
  // The model's values are set. Throws DataError and RecipeError for data and settings that cannot be trained with.
  Trainer(const Model& model, std::vector<SplitData> train, const TrainSettings& settings, std::uint64_t seed);

  UpdateRecord step();  // one whole update

  std::int64_t prepare();  // takes the next update's examples, clears the gradients; gives the number of micro-batches
  Embedded embed(std::int64_t micro) const;
  Pass pass(std::int64_t micro) const;      // with a generator of this update's and micro-batch's own
  at::Tensor reduce(const Losses& losses);  // []: a micro-batch's part of the update's loss
  // []: what method and combiner add to it, the mean over the update's examples; undefined: nothing. It is recorded
  // apart from the loss, which stays comparable between methods.
  at::Tensor extra(std::int64_t micro, const Embedded& embedded, const Encoded& encoded, const Pass& pass);
  UpdateRecord update();  // clips, steps the optimiser, advances

  const Batch& batch(std::int64_t micro) const { return micro_batches_.at(static_cast<std::size_t>(micro)); }
  std::int64_t done() const { return done_; }  // updates
  std::int64_t updates() const { return updates_; }
  bool finished() const { return done_ >= updates_; }
  double epoch() const { return static_cast<double>(done_) / static_cast<double>(batches_.per_epoch()); }
  std::int64_t per_epoch() const { return batches_.per_epoch(); }
  const std::vector<SplitData>& splits() const { return batches_.splits(); }

  // Values "value/prompt" and the optimiser's moments; with `done` they are the whole state.
  std::map<std::string, at::Tensor> save() const;
  void restore(const std::map<std::string, at::Tensor>& tensors, std::int64_t done);

 private:
  std::uint64_t stream_seed(const char* purpose, std::int64_t micro) const;  // of the update in progress

  const Model& model_;
  TrainSettings settings_;
  std::uint64_t seed_;
  Batches batches_;
  std::int64_t updates_;
  Schedule schedule_;
  std::vector<Parameter*> parameters_;
  std::vector<Parameter*> moving_;  // those with a rate above 0; the others need no gradient and no moments
  AdamW optimiser_;
  std::int64_t done_ = 0;

  // Of the update in progress.
  std::vector<ExampleNumber> examples_;
  std::vector<Batch> micro_batches_;
  std::int64_t tokens_ = 0;
  at::Tensor loss_;
  at::Tensor extra_;  // undefined: nothing was added
};

}  // namespace atp
