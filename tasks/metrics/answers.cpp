#include <algorithm>
#include <functional>
#include <map>

#include "metrics.h"
#include "squad_text.h"

// Free text compared with the best of its references, as SQuAD's evaluation script does it (Rajpurkar et al. 2016), and
// MultiRC's per-question exact match (Khashabi et al. 2018).

namespace atp::metrics {

namespace {

// The mean over rows of the best score that one of the row's references gives, both sides normalised.
class BestOfReferences final : public Metric {
 public:
  using Compare = std::function<double(const std::string& answer, const std::string& reference)>;
  explicit BestOfReferences(Compare compare) : compare_(std::move(compare)) {}

  double score(const Predictions& predictions) const override {
    if (predictions.texts.empty()) return 0;
    double sum = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const std::string answer = normalise_answer(predictions.texts[row]);
      double best = 0;
      for (const auto& reference : predictions.references[row])
        best = std::max(best, compare_(answer, normalise_answer(reference)));
      sum += best;
    }
    return 100 * sum / static_cast<double>(predictions.texts.size());
  }

 private:
  Compare compare_;
};

double equal(const std::string& answer, const std::string& reference) { return answer == reference ? 1 : 0; }

// 2 c / (a + r): c tokens that both bags share, of a in the answer and r in the reference. None shared, as where both
// are empty: 0.
double shared_tokens(const std::string& answer, const std::string& reference) {
  const auto answer_tokens = words(answer), reference_tokens = words(reference);
  if (answer_tokens.empty() || reference_tokens.empty()) return 0;
  std::map<std::string, int> open;
  for (const auto& token : reference_tokens) ++open[token];
  double shared = 0;
  for (const auto& token : answer_tokens) shared += open[token]-- > 0;
  return 2 * shared / static_cast<double>(answer_tokens.size() + reference_tokens.size());
}

// A question counts where every one of its answers is judged right; rows without a group are questions of their own.
class QuestionExactMatch final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    std::map<std::string, bool> questions;
    double right = 0, alone = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      const bool hit = predictions.texts[row] == predictions.references[row].front();
      const std::string& group = predictions.groups.empty() ? std::string() : predictions.groups[row];
      if (group.empty()) {
        right += hit;
        ++alone;
      } else {
        const auto question = questions.emplace(group, true).first;
        question->second = question->second && hit;
      }
    }
    for (const auto& [group, whole] : questions) right += whole;
    const double all = alone + static_cast<double>(questions.size());
    return all > 0 ? 100 * right / all : 0;
  }
};

}  // namespace

std::shared_ptr<const Metric> exact_match() { return std::make_shared<BestOfReferences>(equal); }
std::shared_ptr<const Metric> token_f1() { return std::make_shared<BestOfReferences>(shared_tokens); }
std::shared_ptr<const Metric> multirc_exact_match() { return std::make_shared<QuestionExactMatch>(); }

}  // namespace atp::metrics
