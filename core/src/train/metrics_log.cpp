#include "train/metrics_log.h"

#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cmath>
#include <cstdio>

#include "atp/error.h"
#include "atp/value.h"

namespace atp {

namespace {

constexpr std::size_t updates_behind = 8;  // how far the log may be behind a GPU

std::string text_of(const Scores& scores) {
  std::string text;
  for (const auto& [metric, score] : scores)
    text += (text.empty() ? "" : ", ") + to_json(Value(metric)) + ": " + json_number(score);
  return "{" + text + "}";
}

}  // namespace

std::string json_number(double number) {
  if (!std::isfinite(number)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

MetricsLog::MetricsLog(const std::string& path, std::size_t length, at::Device device,
                       const std::vector<SplitData>& splits)
    : file_(path, length), device_(device), splits_(splits) {}

void MetricsLog::add(UpdateRecord record) {
  Pending pending{.record = std::move(record), .copied = nullptr};
  auto& numbers = pending.record.numbers;
  if (!device_.is_cpu()) {
    const auto here = at::empty(numbers.sizes(), numbers.options().device(at::kCPU).pinned_memory(true));
    here.copy_(numbers, /*non_blocking=*/true);
    numbers = here;
    pending.copied = std::make_unique<c10::Event>(device_.type());
    pending.copied->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  pending_.push_back(std::move(pending));
  while (pending_.size() > (device_.is_cpu() ? 0 : updates_behind)) {
    write(pending_.front());
    pending_.pop_front();
  }
}

void MetricsLog::write(const Pending& pending) {
  if (pending.copied) pending.copied->synchronize();
  const auto& record = pending.record;
  const auto numbers = record.numbers.to(at::kDouble);
  const auto loss = numbers.const_data_ptr<double>()[0], norm = numbers.const_data_ptr<double>()[1];
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    const auto what =
        std::isfinite(loss) ? "gradient norm is " + std::to_string(norm) : "loss is " + std::to_string(loss);
    throw NumericError("update " + std::to_string(record.update) + ": the " + what +
                       "; its examples: " + text_of(record.examples, splits_) +
                       ". Try a lower learning rate, a longer warm-up or precision float32");
  }
  last_loss_ = loss;
  std::string line = "{\"update\": " + std::to_string(record.update) + ", \"epoch\": " + json_number(record.epoch) +
                     ", \"loss\": " + json_number(loss) + ", \"gradient_norm\": " + json_number(norm);
  if (numbers.numel() > 2) line += ", \"extra_loss\": " + json_number(numbers.const_data_ptr<double>()[2]);
  line += ", \"learning_rate\": " + json_number(record.rates.front().second);
  if (record.rates.size() > 1) line += ", \"learning_rates\": " + text_of(record.rates);
  file_.append(line + "}");
}

void MetricsLog::add_validation(std::int64_t update, double epoch,
                                const std::vector<std::pair<std::string, Scores>>& scores) {
  flush();
  std::string validation;
  if (scores.size() == 1) {
    validation = text_of(scores.front().second);
  } else {
    for (const auto& [task, of_task] : scores)
      validation += (validation.empty() ? "{" : ", ") + to_json(Value(task)) + ": " + text_of(of_task);
    validation += "}";
  }
  file_.append("{\"update\": " + std::to_string(update) + ", \"epoch\": " + json_number(epoch) +
               ", \"validation\": " + validation + "}");
}

std::size_t MetricsLog::flush() {
  for (; !pending_.empty(); pending_.pop_front()) write(pending_.front());
  return file_.sync();
}

}  // namespace atp
