#include "train/batches.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

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

namespace {

// `whole` cut in proportion to the weights: rounded down, and what is left goes to the largest remainders.
std::vector<std::int64_t> shares_of(std::int64_t whole, const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> shares;
  std::vector<std::pair<double, std::size_t>> remainders;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double exact = static_cast<double>(whole) * weights[i] / sum;
    shares.push_back(static_cast<std::int64_t>(exact));
    remainders.emplace_back(static_cast<double>(shares.back()) - exact, i);  // the largest first
  }
  std::sort(remainders.begin(), remainders.end());
  auto left = whole - std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  for (auto one = remainders.begin(); left > 0; ++one, --left) ++shares[one->second];
  return shares;
}

std::vector<std::int64_t> shares_of(const std::vector<SplitData>& splits, const Sampling& sampling) {
  std::vector<std::int64_t> sizes;
  for (const auto& split : splits) sizes.push_back(split.rows->size());
  if (sampling.by == "proportional") return sizes;
  if (sampling.by != "equal" && sampling.by != "temperature")
    throw RecipeError("sampling is '" + sampling.by + "'; expected proportional, equal or temperature");
  std::vector<double> weights;
  for (const auto size : sizes)
    weights.push_back(sampling.by == "equal" ? 1 : std::pow(static_cast<double>(size), 1 / sampling.temperature));
  return shares_of(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}), weights);
}

}  // namespace

Batches::Batches(std::vector<SplitData> splits, const std::string& order, std::int64_t batch_size, std::uint64_t seed,
                 const Sampling& sampling)
    : splits_(std::move(splits)), order_(order), batch_size_(batch_size), seed_(seed) {
  if (order != "shuffled" && order != "by_length" && order != "file")
    throw RecipeError("order is '" + order + "'; expected shuffled, by_length or file");
  if (batch_size < 1) throw RecipeError("batch_size is " + std::to_string(batch_size) + "; expected at least 1");
  for (const auto& split : splits_)
    if (split.rows->size() == 0) throw DataError("task '" + split.task + "' has no example to train on");
  if (splits_.empty()) throw DataError("there is no task to train on");
  shares_ = shares_of(splits_, sampling);
  examples_ = std::accumulate(shares_.begin(), shares_.end(), std::int64_t{0});
}

// The epoch's examples, split after split. A split goes through all its rows, each time in another order, before one
// comes again, whether that takes several epochs or a part of one.
std::vector<ExampleNumber> Batches::drawn(std::int64_t epoch) const {
  std::vector<ExampleNumber> examples;
  for (std::size_t split = 0; split < splits_.size(); ++split) {
    const auto size = splits_[split].rows->size(), share = shares_[split];
    const bool is_whole = share == size || order_ == "file";  // their order is the epoch's, or the file's
    const std::string purpose = "order of " + splits_[split].task;
    std::int64_t round = -1;
    std::vector<std::int64_t> order;
    for (std::int64_t place = epoch * share; place < (epoch + 1) * share; ++place) {
      if (!is_whole && place / size != round) {
        round = place / size;
        order = permutation(size,
                            static_cast<std::uint32_t>(derive_seed(seed_, purpose, static_cast<std::uint64_t>(round))));
      }
      const auto row = place % size;
      examples.push_back({static_cast<std::int64_t>(split), is_whole ? row : order[static_cast<std::size_t>(row)]});
    }
  }
  return examples;
}

std::vector<ExampleNumber> Batches::ordered(std::int64_t epoch) const {
  auto examples = drawn(epoch);
  if (order_ == "file") return examples;
  std::vector<ExampleNumber> ordered;
  ordered.reserve(examples.size());
  const auto seed = static_cast<std::uint32_t>(derive_seed(seed_, "order", static_cast<std::uint64_t>(epoch)));
  for (const auto place : permutation(examples_, seed)) ordered.push_back(examples[static_cast<std::size_t>(place)]);
  return ordered;
}

void Batches::arrange(std::int64_t epoch) {
  auto ordered = this->ordered(epoch);
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
    const auto places = permutation(per_epoch(), static_cast<std::uint32_t>(derive_seed(
                                                     seed_, "order of batches", static_cast<std::uint64_t>(epoch))));
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
