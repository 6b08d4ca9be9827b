#include <algorithm>

#include "metrics.h"
#include "squad_text.h"

namespace atp::metrics {

namespace {

class ExactMatch final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    if (predictions.texts.empty()) return 0;
    double right = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const std::string answer = normalise_answer(predictions.texts[row]);
      const auto& references = predictions.references[row];
      right += std::any_of(references.begin(), references.end(),
                           [&](const std::string& reference) { return normalise_answer(reference) == answer; });
    }
    return 100 * right / static_cast<double>(predictions.texts.size());
  }
};

}  // namespace

std::shared_ptr<const Metric> exact_match() { return std::make_shared<ExactMatch>(); }

}  // namespace atp::metrics
