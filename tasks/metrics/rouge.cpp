#include <libstemmer.h>

#include <algorithm>
#include <map>
#include <new>
#include <set>

#include "metrics.h"

// ROUGE (Lin 2004) as the rouge-score package defines it, with stemming: a text's tokens are its runs of a–z and 0–9
// after lower-casing, those of more than three characters stemmed by Porter's algorithm. A row's score is the F measure
// against the best of its references; the metric is the mean over rows.
namespace atp::metrics {

namespace {

using Tokens = std::vector<std::string>;

class Stemmer {
 public:
  Stemmer() : stemmer_(sb_stemmer_new("porter", "UTF_8")) {
    if (!stemmer_) throw std::bad_alloc();
  }
  ~Stemmer() { sb_stemmer_delete(stemmer_); }
  Stemmer(const Stemmer&) = delete;
  Stemmer& operator=(const Stemmer&) = delete;

  std::string stem(const std::string& word) {
    const auto* symbols = reinterpret_cast<const sb_symbol*>(word.data());
    const auto* stemmed = sb_stemmer_stem(stemmer_, symbols, static_cast<int>(word.size()));
    if (!stemmed) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(stemmed), static_cast<std::size_t>(sb_stemmer_length(stemmer_))};
  }

 private:
  sb_stemmer* stemmer_;
};

// The only letters beyond ASCII whose lower case has a letter of ASCII in it: the Kelvin sign (k), and I with a dot (i
// and a dot of its own, which ends the token).
std::string with_ascii_letters(std::string text) {
  for (const auto& [letter, plain] : {std::pair<std::string_view, std::string_view>{"\xe2\x84\xaa", "k"},
                                      std::pair<std::string_view, std::string_view>{"\xc4\xb0", "i "}})
    for (std::size_t at = text.find(letter); at != std::string::npos; at = text.find(letter, at))
      text.replace(at, letter.size(), plain);
  return text;
}

Tokens tokens_of(const std::string& text) {
  static thread_local Stemmer stemmer;
  Tokens tokens;
  std::string token;
  const auto take = [&] {
    if (!token.empty()) tokens.push_back(token.size() > 3 ? stemmer.stem(token) : token);
    token.clear();
  };
  for (char c : with_ascii_letters(text)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      token += c;
    else
      take();
  }
  take();
  return tokens;
}

double f_measure(double hits, std::size_t of_reference, std::size_t of_prediction) {
  if (hits == 0) return 0;
  const double precision = hits / static_cast<double>(of_prediction);
  const double recall = hits / static_cast<double>(of_reference);
  return 2 * precision * recall / (precision + recall);
}

double n_gram_score(const Tokens& reference, const Tokens& prediction, std::size_t n) {
  const auto count = [n](const Tokens& tokens) { return tokens.size() < n ? 0 : tokens.size() - n + 1; };
  const auto n_gram = [n](const Tokens& tokens, std::size_t i) {
    return Tokens(tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.begin() + static_cast<std::ptrdiff_t>(i + n));
  };
  std::map<Tokens, int> open;
  for (std::size_t i = 0; i < count(reference); ++i) ++open[n_gram(reference, i)];
  double hits = 0;
  for (std::size_t i = 0; i < count(prediction); ++i) hits += open[n_gram(prediction, i)]-- > 0;
  return f_measure(hits, count(reference), count(prediction));
}

// lengths[i][j]: of the longest common subsequence of the first i and the first j tokens.
class CommonSubsequence {
 public:
  CommonSubsequence(const Tokens& reference, const Tokens& prediction)
      : columns_(prediction.size() + 1), lengths_((reference.size() + 1) * columns_, 0) {
    for (std::size_t i = 1; i <= reference.size(); ++i)
      for (std::size_t j = 1; j <= prediction.size(); ++j)
        lengths_[i * columns_ + j] =
            reference[i - 1] == prediction[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
  }

  std::size_t length() const { return lengths_.back(); }

  // Which of the reference's tokens are in it; among equally long ones the same as rouge-score's.
  void collect(const Tokens& reference, const Tokens& prediction, std::set<std::size_t>& positions) const {
    for (std::size_t i = reference.size(), j = prediction.size(); i > 0 && j > 0;) {
      if (reference[i - 1] == prediction[j - 1]) {
        positions.insert(i - 1);
        --i, --j;
      } else if (at(i, j - 1) > at(i - 1, j)) {
        --j;
      } else {
        --i;
      }
    }
  }

 private:
  std::size_t at(std::size_t i, std::size_t j) const { return lengths_[i * columns_ + j]; }

  std::size_t columns_;
  std::vector<std::uint32_t> lengths_;
};

double subsequence_score(const std::string& reference, const std::string& prediction) {
  const Tokens wanted = tokens_of(reference), given = tokens_of(prediction);
  return f_measure(static_cast<double>(CommonSubsequence(wanted, given).length()), wanted.size(), given.size());
}

std::vector<Tokens> sentences_of(const std::string& text) {  // one a line
  std::vector<Tokens> sentences;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) sentences.push_back(tokens_of(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return sentences;
}

// Lin 2004, section 3.2, with ROUGE-1.5.5's rule that no token is counted more often than it occurs on either side.
double summary_score(const std::string& reference, const std::string& prediction) {
  const auto wanted = sentences_of(reference), given = sentences_of(prediction);
  std::map<std::string, int> open_wanted, open_given;
  std::size_t of_wanted = 0, of_given = 0;
  for (const auto& sentence : wanted)
    for (const auto& token : sentence) ++open_wanted[token], ++of_wanted;
  for (const auto& sentence : given)
    for (const auto& token : sentence) ++open_given[token], ++of_given;
  double hits = 0;
  for (const auto& sentence : wanted) {
    std::set<std::size_t> together;
    for (const auto& other : given) CommonSubsequence(sentence, other).collect(sentence, other, together);
    for (const std::size_t position : together) {
      int& in_wanted = open_wanted[sentence[position]];
      int& in_given = open_given[sentence[position]];
      if (in_wanted <= 0 || in_given <= 0) continue;
      --in_wanted, --in_given, ++hits;
    }
  }
  return f_measure(hits, of_wanted, of_given);
}

class Rouge final : public Metric {
 public:
  using Compare = double (*)(const std::string& reference, const std::string& prediction);
  explicit Rouge(Compare compare) : compare_(compare) {}

  double score(const Predictions& predictions) const override {
    if (predictions.texts.empty()) return 0;
    double sum = 0;
    for (std::size_t row = 0; row < predictions.texts.size(); ++row) {
      double best = 0;
      for (const auto& reference : predictions.references[row])
        best = std::max(best, compare_(reference, predictions.texts[row]));
      sum += best;
    }
    return 100 * sum / static_cast<double>(predictions.texts.size());
  }

 private:
  Compare compare_;
};

template <std::size_t n>
double n_grams(const std::string& reference, const std::string& prediction) {
  return n_gram_score(tokens_of(reference), tokens_of(prediction), n);
}

}  // namespace

std::shared_ptr<const Metric> rouge1() { return std::make_shared<Rouge>(n_grams<1>); }
std::shared_ptr<const Metric> rouge2() { return std::make_shared<Rouge>(n_grams<2>); }
std::shared_ptr<const Metric> rouge_l() { return std::make_shared<Rouge>(subsequence_score); }
std::shared_ptr<const Metric> rouge_l_sum() { return std::make_shared<Rouge>(summary_score); }

}  // namespace atp::metrics
