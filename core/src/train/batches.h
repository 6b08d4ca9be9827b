#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "atp/batch.h"
#include "atp/export.h"
#include "engine/engine.h"

namespace atp {

// An example of a mixture: a row of one of its splits.
struct ExampleNumber {
  std::int64_t split;
  std::int64_t row;
  bool operator==(const ExampleNumber&) const = default;
};

// How often an epoch of a mixture sees its tasks. An epoch always has as many examples as they have together.
struct Sampling {
  // proportional   each example once
  // equal          as many examples of each task; a small one begins again before an epoch is over, a large one goes on
  //                in the next
  // temperature    in between: task i's share is nᵢ^(1/temperature) (Raffel et al. 2020, §3.5.2)
  std::string by = "proportional";
  double temperature = 10;
};

// Which examples an update sees: a function of seed, epoch and index alone, so that a position is two numbers. An
// epoch's last batch may be smaller.
//   shuffled    a permutation of its own for each epoch
//   by_length   the same, and neighbours of 50 batches are sorted by source length, then the batches are shuffled
//   file        as the splits have them, from the start again in each epoch
class ATP_EXPORT Batches {
 public:
  Batches(std::vector<SplitData> splits, const std::string& order, std::int64_t batch_size, std::uint64_t seed,
          const Sampling& sampling = {});

  std::int64_t examples() const { return examples_; }
  std::int64_t per_epoch() const { return (examples() + batch_size_ - 1) / batch_size_; }
  std::vector<ExampleNumber> update(std::int64_t epoch, std::int64_t index);
  const std::vector<SplitData>& splits() const { return splits_; }

 private:
  void arrange(std::int64_t epoch);
  std::vector<ExampleNumber> drawn(std::int64_t epoch) const;
  std::vector<ExampleNumber> ordered(std::int64_t epoch) const;

  std::vector<SplitData> splits_;
  std::string order_;
  std::int64_t batch_size_;
  std::uint64_t seed_;
  std::int64_t examples_ = 0;                        // of an epoch
  std::vector<std::int64_t> shares_;                 // of them, each split's
  std::int64_t arranged_ = -1;                       // the epoch that `batches_` is of
  std::vector<std::vector<ExampleNumber>> batches_;  // of that epoch
};

// The examples as tensors on `device`, padded on the right. Nothing waits for the device.
ATP_EXPORT Batch make_batch(std::span<const ExampleNumber> examples, const std::vector<SplitData>& splits,
                            at::Device device);

// "task 'sst2' rows 3, 17; task 'cola' row 4", for messages.
ATP_EXPORT std::string text_of(std::span<const ExampleNumber> examples, const std::vector<SplitData>& splits);

}  // namespace atp
