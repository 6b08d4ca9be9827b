#include <atp/error.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "metrics.h"

namespace atp::metrics {

namespace {

double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

// A label's number in the set; the set's size for a text that is in it nowhere.
std::size_t class_of(const std::vector<std::string>& labels, const std::string& text) {
  return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), text) - labels.begin());
}

const std::string& target(const Predictions& predictions, std::size_t row) {
  return predictions.references[row].front();
}

void require_labels(const Predictions& predictions, const char* metric) {
  if (predictions.labels.empty()) {
    throw RecipeError(std::string("metric '") + metric + "' needs a label set, and this task writes free text");
  }
}

// rows: true class; columns: predicted class. One more of each than labels: texts outside the set.
class Confusion {
 public:
  explicit Confusion(const Predictions& predictions)
      : classes_(predictions.labels.size() + 1), counts_(classes_ * classes_) {
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const auto truth = class_of(predictions.labels, target(predictions, row));
      ++counts_[truth * classes_ + class_of(predictions.labels, predictions.texts[row])];
    }
  }

  std::size_t classes() const { return classes_; }
  double at(std::size_t truth, std::size_t predicted) const {
    return static_cast<double>(counts_[truth * classes_ + predicted]);
  }
  double truths(std::size_t k) const {
    double sum = 0;
    for (std::size_t other = 0; other < classes_; ++other) sum += at(k, other);
    return sum;
  }
  double predicted(std::size_t k) const {
    double sum = 0;
    for (std::size_t other = 0; other < classes_; ++other) sum += at(other, k);
    return sum;
  }

 private:
  std::size_t classes_;
  std::vector<std::int64_t> counts_;
};

class Accuracy final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    double right = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const auto& references = predictions.references[row];
      right += std::find(references.begin(), references.end(), predictions.texts[row]) != references.end();
    }
    return percent(right, static_cast<double>(predictions.texts.size()));
  }
};

// F1 = 2 TP / (2 TP + FP + FN)
class F1 final : public Metric {
 public:
  explicit F1(const char* name) : name_(name) {}

  double score(const Predictions& predictions) const override {
    require_labels(predictions, name_);
    if (predictions.labels.size() != 2) {
      throw RecipeError(std::string("metric '") + name_ + "' needs a set of two labels, and this task has " +
                        std::to_string(predictions.labels.size()) + "; macro_f1 takes any number");
    }
    double hits = 0, misses = 0, false_alarms = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const bool positive = target(predictions, row) == predictions.labels[1];
      const auto predicted = class_of(predictions.labels, predictions.texts[row]);
      const bool says_positive = predicted == 2 ? !positive : predicted == 1;
      hits += positive && says_positive;
      misses += positive && !says_positive;
      false_alarms += !positive && says_positive;
    }
    return percent(2 * hits, 2 * hits + misses + false_alarms);
  }

 private:
  const char* name_;
};

class MacroF1 final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    require_labels(predictions, "macro_f1");
    const Confusion confusion(predictions);
    double sum = 0;
    for (std::size_t k = 0; k < predictions.labels.size(); ++k) {
      sum += percent(2 * confusion.at(k, k), confusion.truths(k) + confusion.predicted(k));
    }
    return sum / static_cast<double>(predictions.labels.size());
  }
};

// R_K (Gorodkin 2004): (c s − Σ p_k t_k) / √((s² − Σ p_k²)(s² − Σ t_k²)), with s rows, c right ones, p_k predicted and
// t_k true rows of class k. For two classes it is Matthews' φ.
class Matthews final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    require_labels(predictions, "matthews");
    const Confusion confusion(predictions);
    const auto rows = static_cast<double>(predictions.texts.size());
    double right = 0, both = 0, of_predicted = 0, of_truths = 0;
    for (std::size_t k = 0; k < confusion.classes(); ++k) {
      right += confusion.at(k, k);
      both += confusion.predicted(k) * confusion.truths(k);
      of_predicted += confusion.predicted(k) * confusion.predicted(k);
      of_truths += confusion.truths(k) * confusion.truths(k);
    }
    const double spread = (rows * rows - of_predicted) * (rows * rows - of_truths);
    return spread > 0 ? 100 * (right * rows - both) / std::sqrt(spread) : 0;
  }
};

}  // namespace

std::shared_ptr<const Metric> accuracy() { return std::make_shared<Accuracy>(); }
std::shared_ptr<const Metric> f1() { return std::make_shared<F1>("f1"); }
std::shared_ptr<const Metric> multirc_f1() { return std::make_shared<F1>("multirc_f1"); }
std::shared_ptr<const Metric> macro_f1() { return std::make_shared<MacroF1>(); }
std::shared_ptr<const Metric> matthews() { return std::make_shared<Matthews>(); }

}  // namespace atp::metrics
