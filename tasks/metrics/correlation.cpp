#include <atp/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "metrics.h"

// Correlations of the number that is written with the one that should be (STS-B). An undefined one is 0.
namespace atp::metrics {

namespace {

constexpr double no_number = -1;  // what a prediction counts as that is no finite decimal number

std::optional<double> finite_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

struct Numbers {
  std::vector<double> predicted, wanted;
};

Numbers numbers_of(const Predictions& predictions, const char* metric) {
  Numbers numbers;
  for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
    const std::string& reference = predictions.references[row].front();
    const auto wanted = finite_number(reference);
    if (!wanted)
      throw DataError(std::string("metric '") + metric + "': the answer '" + reference + "' of row " +
                      std::to_string(row) + " is no number; this metric compares numbers");
    numbers.wanted.push_back(*wanted);
    numbers.predicted.push_back(finite_number(predictions.texts[row]).value_or(no_number));
  }
  return numbers;
}

// r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)
double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() < 2) return 0;
  const auto constant = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
  };
  if (constant(x) || constant(y)) return 0;
  const auto count = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / count;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / count;
  double both = 0, of_x = 0, of_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - mean_x) * (y[i] - mean_y);
    of_x += (x[i] - mean_x) * (x[i] - mean_x);
    of_y += (y[i] - mean_y) * (y[i] - mean_y);
  }
  const double spread = std::sqrt(of_x) * std::sqrt(of_y);
  return spread > 0 ? 100 * std::clamp(both / spread, -1.0, 1.0) : 0;
}

// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    const double shared = static_cast<double>(first + 1 + last) / 2;
    for (std::size_t i = first; i < last; ++i) result[order[i]] = shared;
  }
  return result;
}

class Pearson final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    const auto numbers = numbers_of(predictions, "pearson");
    return correlation(numbers.predicted, numbers.wanted);
  }
};

class Spearman final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    const auto numbers = numbers_of(predictions, "spearman");
    return correlation(ranks(numbers.predicted), ranks(numbers.wanted));
  }
};

}  // namespace

std::shared_ptr<const Metric> pearson() { return std::make_shared<Pearson>(); }
std::shared_ptr<const Metric> spearman() { return std::make_shared<Spearman>(); }

}  // namespace atp::metrics
