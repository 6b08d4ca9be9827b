#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>

#include "metrics.h"
#include "squad_text.h"

// BLEU of a whole split (Papineni et al. 2002) as sacreBLEU defines it (Post 2018): 13a tokens, n-grams up to 4,
// exponential smoothing, the reference length closest to the prediction's.
namespace atp::metrics {

namespace {

constexpr std::size_t longest = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_stop(char c) { return c == '.' || c == ','; }
bool stands_apart(char c) {  // punctuation that is always a token
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
         (c >= ':' && c <= '@') || c == '/';
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Goes over a text; `rule` sees two neighbours and gives what replaces them, or nothing. What was replaced is not
// looked at again.
template <class Rule>
std::string each_pair(const std::string& text, const Rule& rule) {
  std::string result;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::string replaced = i + 1 < text.size() ? rule(text[i], text[i + 1]) : std::string();
    if (replaced.empty()) {
      result += text[i++];
    } else {
      result += replaced;
      i += 2;
    }
  }
  return result;
}

// mteval-v13a's tokens.
std::vector<std::string> tokens_of(std::string text) {
  while (!text.empty() && words(text.substr(text.size() - 1)).empty()) text.pop_back();
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  for (const auto& [entity, character] : {std::pair{"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}})
    replace_all(text, entity, character);
  std::string line = " ";
  for (const char c : text) line += stands_apart(c) ? std::string{' ', c, ' '} : std::string{c};
  line += " ";
  const std::string none;
  line = each_pair(line, [&](char a, char b) {
    return !is_digit(a) && is_stop(b) ? std::string{a, ' ', b, ' '} : none;
  });
  line = each_pair(line, [&](char a, char b) {
    return is_stop(a) && !is_digit(b) ? std::string{' ', a, ' ', b} : none;
  });
  line = each_pair(line, [&](char a, char b) { return is_digit(a) && b == '-' ? std::string{a, ' ', b, ' '} : none; });
  return words(line);
}

using Counts = std::map<std::vector<std::string>, std::int64_t>;

Counts n_grams(const std::vector<std::string>& tokens) {
  Counts counts;
  for (std::size_t n = 1; n <= longest; ++n)
    for (auto begin = tokens.begin(); tokens.end() - begin >= static_cast<std::ptrdiff_t>(n); ++begin)
      ++counts[{begin, begin + static_cast<std::ptrdiff_t>(n)}];
  return counts;
}

struct Totals {
  std::array<double, longest> hits = {}, all = {};
  double predicted = 0, wanted = 0;  // tokens

  void add(const std::string& prediction, const std::vector<std::string>& references) {
    const auto tokens = tokens_of(prediction);
    const auto length = static_cast<std::int64_t>(tokens.size());
    Counts allowed;
    std::int64_t closest = -1;
    for (const auto& reference : references) {
      const auto reference_tokens = tokens_of(reference);
      const auto size = static_cast<std::int64_t>(reference_tokens.size());
      const auto distance = std::abs(size - length), best = std::abs(closest - length);
      if (closest < 0 || distance < best || (distance == best && size < closest)) closest = size;
      for (const auto& [n_gram, count] : n_grams(reference_tokens)) {
        auto& most = allowed[n_gram];
        most = std::max(most, count);
      }
    }
    for (const auto& [n_gram, count] : n_grams(tokens)) {
      const auto found = allowed.find(n_gram);
      all[n_gram.size() - 1] += static_cast<double>(count);
      if (found != allowed.end()) hits[n_gram.size() - 1] += static_cast<double>(std::min(count, found->second));
    }
    predicted += static_cast<double>(length);
    wanted += static_cast<double>(closest);
  }
};

// BP · exp(mean of log precisions); the k-th precision without a hit counts as 1 / (2^k · n-grams). 0 where there is no
// hit at all, or no n-gram of some length.
double bleu_of(const Totals& totals) {
  double logs = 0, smoothing = 1;
  if (std::all_of(totals.hits.begin(), totals.hits.end(), [](double hits) { return hits == 0; })) return 0;
  for (std::size_t n = 0; n < longest; ++n) {
    if (totals.all[n] == 0) return 0;
    const double hits = totals.hits[n] > 0 ? totals.hits[n] : 1 / (smoothing *= 2);
    logs += std::log(100 * hits / totals.all[n]);
  }
  const double brevity = totals.predicted < totals.wanted ? std::exp(1 - totals.wanted / totals.predicted) : 1;
  return brevity * std::exp(logs / longest);
}

class Bleu final : public Metric {
 public:
  double score(const Predictions& predictions) const override {
    Totals totals;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row)
      totals.add(predictions.texts[row], predictions.references[row]);
    return bleu_of(totals);
  }
};

}  // namespace

std::shared_ptr<const Metric> bleu() { return std::make_shared<Bleu>(); }

}  // namespace atp::metrics
