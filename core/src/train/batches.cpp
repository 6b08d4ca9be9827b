#include "train/batches.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "atp/error.h"
#include "atp/seed.h"

namespace atp {

namespace {

constexpr std::int64_t batches_sorted_together = 50;

at::Tensor on_device(at::Tensor tensor, at::Device device) {
  if (device.is_cpu()) return tensor;
  return (device.is_cuda() ? tensor.pin_memory() : tensor).to(device, at::kLong, /*non_blocking=*/true);
}

Lengths lengths_of(std::vector<std::int64_t> lengths, at::Device device) {
  const auto tensor = at::from_blob(lengths.data(), {static_cast<std::int64_t>(lengths.size())}, at::kLong).clone();
  return {.host = std::move(lengths), .device = on_device(tensor, device)};
}

struct Padded {
  at::Tensor ids;
  Lengths lengths;
};

Padded pad(const std::vector<std::span<const std::int32_t>>& rows, at::Device device) {
  std::vector<std::int64_t> lengths;
  for (const auto& row : rows) lengths.push_back(static_cast<std::int64_t>(row.size()));
  const auto longest = *std::max_element(lengths.begin(), lengths.end());
  auto ids = at::zeros({static_cast<std::int64_t>(rows.size()), longest}, at::kLong);
  auto* place = ids.mutable_data_ptr<std::int64_t>();
  for (const auto& row : rows) {
    std::copy(row.begin(), row.end(), place);
    place += longest;
  }
  return {on_device(std::move(ids), device), lengths_of(std::move(lengths), device)};
}

}  // namespace

Batches::Batches(std::vector<SplitData> splits, const std::string& order, std::int64_t batch_size, std::uint64_t seed)
    : splits_(std::move(splits)), order_(order), batch_size_(batch_size), seed_(seed) {
  if (order != "shuffled" && order != "by_length" && order != "file")
    throw RecipeError("order is '" + order + "'; expected shuffled, by_length or file");
  if (batch_size < 1) throw RecipeError("batch_size is " + std::to_string(batch_size) + "; expected at least 1");
  for (std::size_t split = 0; split < splits_.size(); ++split) {
    if (splits_[split].rows->size() == 0)
      throw DataError("task '" + splits_[split].task + "' has no example to train on");
    for (std::int64_t row = 0; row < splits_[split].rows->size(); ++row)
      examples_.push_back({static_cast<std::int64_t>(split), row});
  }
  if (examples_.empty()) throw DataError("there is no task to train on");
}

void Batches::arrange(std::int64_t epoch) {
  const auto seed_of = [&](const char* purpose) {
    return static_cast<std::uint32_t>(derive_seed(seed_, purpose, static_cast<std::uint64_t>(epoch)));
  };
  std::vector<ExampleNumber> ordered;
  if (order_ == "file") {
    ordered = examples_;
  } else {
    for (const auto place : permutation(examples(), seed_of("order")))
      ordered.push_back(examples_[static_cast<std::size_t>(place)]);
  }
  batches_.clear();
  const auto group = order_ == "by_length" ? batch_size_ * batches_sorted_together : batch_size_;
  for (auto begin = ordered.begin(); begin != ordered.end();) {
    const auto end = begin + std::min<std::int64_t>(group, ordered.end() - begin);
    if (order_ == "by_length")
      std::stable_sort(begin, end, [&](const auto& a, const auto& b) {
        return splits_[static_cast<std::size_t>(a.split)].rows->source(a.row).size() >
               splits_[static_cast<std::size_t>(b.split)].rows->source(b.row).size();
      });
    for (; begin != end;) {
      const auto size = std::min<std::int64_t>(batch_size_, end - begin);
      batches_.emplace_back(begin, begin + size);
      begin += size;
    }
  }
  if (order_ == "by_length") {
    auto shuffled = batches_;
    const auto places = permutation(per_epoch(), seed_of("order of batches"));
    for (std::size_t i = 0; i < places.size(); ++i)
      shuffled[i] = std::move(batches_[static_cast<std::size_t>(places[i])]);
    batches_ = std::move(shuffled);
  }
  arranged_ = epoch;
}

std::vector<ExampleNumber> Batches::update(std::int64_t epoch, std::int64_t index) {
  if (arranged_ != epoch) arrange(epoch);
  return batches_.at(static_cast<std::size_t>(index));
}

Batch make_batch(std::span<const ExampleNumber> examples, const std::vector<SplitData>& splits, at::Device device) {
  std::vector<std::span<const std::int32_t>> sources, targets;
  std::vector<std::int64_t> tasks;
  Batch batch;
  for (const auto& [number, row] : examples) {
    const auto& split = splits[static_cast<std::size_t>(number)];
    sources.push_back(split.rows->source(row));
    targets.push_back(split.rows->target(row));
    tasks.push_back(split.task_number);
    batch.rows.push_back(row);
  }
  auto [ids, lengths] = pad(sources, device);
  auto [labels, label_lengths] = pad(targets, device);
  batch.ids = std::move(ids);
  batch.lengths = std::move(lengths);
  batch.labels = std::move(labels);
  batch.label_lengths = std::move(label_lengths);
  batch.tasks = lengths_of(std::move(tasks), device).device;
  return batch;
}

std::string text_of(std::span<const ExampleNumber> examples, const std::vector<SplitData>& splits) {
  std::map<std::int64_t, std::vector<std::int64_t>> rows;
  for (const auto& example : examples) rows[example.split].push_back(example.row);
  std::string text;
  for (const auto& [split, numbers] : rows) {
    text += (text.empty() ? "task '" : "; task '") + splits[static_cast<std::size_t>(split)].task + "' row" +
            (numbers.size() > 1 ? "s" : "");
    for (std::size_t i = 0; i < numbers.size(); ++i) text += (i ? ", " : " ") + std::to_string(numbers[i]);
  }
  return text;
}

}  // namespace atp
