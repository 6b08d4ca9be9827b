#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <ostream>
#include <set>

#include "atp/words.h"
#include "data/inspection.h"
#include "data/scoring.h"
#include "data/tokenised.h"
#include "data/word_table.h"

// `atp check`: what a task promises, tried on every row of every split.
namespace atp {

namespace {

constexpr std::size_t most_listed = 3;

std::string rounded(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

// A sum of floating-point numbers may be a little less than it should be.
bool is_full(double score) { return score > 100 - 1e-6; }

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

// How many texts have how many tokens: powers of two, with bars.
class Histogram {
 public:
  void add(std::size_t length) {
    std::size_t bin = 0;
    while (bin + 1 < counts_.size() && length > limit(bin)) ++bin;
    ++counts_[bin];
    longest_ = std::max(longest_, length);
    sum_ += length;
  }

  std::size_t longest() const { return longest_; }
  std::string average(std::size_t texts) const {
    return rounded(texts == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(texts), 1);
  }
  void print(std::ostream& out) const {
    const std::size_t most = *std::max_element(counts_.begin(), counts_.end());
    for (std::size_t bin = 0; bin < counts_.size(); ++bin) {
      if (counts_[bin] == 0) continue;
      const bool last = bin + 1 == counts_.size();
      const std::string first = std::to_string(bin == 0 ? 1 : limit(bin - 1) + 1);
      const std::string range = last ? "from " + first : first + " to " + std::to_string(limit(bin));
      out << "      " << padded(range, 14) << padded(std::to_string(counts_[bin]), 9)
          << std::string((counts_[bin] * 40 + most - 1) / most, '#') << "\n";
    }
  }

 private:
  static std::size_t limit(std::size_t bin) { return std::size_t{16} << bin; }

  std::array<std::size_t, 9> counts_ = {};
  std::size_t longest_ = 0, sum_ = 0;
};

class TaskCheck {
 public:
  TaskCheck(const TaskData& data, const CheckRequest& request, const Registry& registry, std::ostream& out)
      : data_(data),
        request_(request),
        registry_(registry),
        out_(out),
        tokenizer_(Tokenizer::open(request.tokenizer.empty() ? own_tokenizer() : request.tokenizer)),
        words_(*tokenizer_) {}

  bool run();

 private:
  void wrong(const std::string& what) {
    ++faults_;
    out_ << "    WRONG: " << what << "\n";
  }
  void check_split(const std::string& name);
  void check_rows(const ExampleStore& store);
  void check_targets(const Split& examples);
  void check_lengths(const Split& examples);
  void check_answers(const Split& examples);
  void check_duplicates(const std::string& name, const Split& examples);
  void check_metrics(const Split& examples);
  void check_perfect(const std::string& metric, double score, const Split& examples);

  const TaskData& data_;
  const CheckRequest& request_;
  const Registry& registry_;
  std::ostream& out_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  WordTable words_;
  // Hashes of the sources of the splits before, and whose they are.
  std::vector<std::pair<std::string, std::map<std::uint64_t, std::size_t>>> seen_;
  int faults_ = 0;
};

void TaskCheck::check_rows(const ExampleStore& store) {
  const RowCounts& counts = store.counts();
  out_ << "    rows           " << counts.rows << " in the file: " << counts.left_out
       << " left out by the task's rule, " << counts.bad << " bad\n";
  for (const auto& row : store.bad_rows()) out_ << "      " << row << "\n";
  if (counts.bad * 100 > counts.rows) wrong("more than 1% of the rows cannot be used");
}

// Labels need no look: a row with another one is bad.
void TaskCheck::check_targets(const Split& examples) {
  const auto labels = data_.labels();
  std::map<std::string, std::size_t, std::less<>> counts;
  std::size_t empty = 0;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    empty += examples.target(row).empty();
    if (!labels.empty()) ++counts[std::string(examples.target(row))];
  }
  if (empty > 0) wrong(std::to_string(empty) + " targets are empty");
  if (labels.empty()) return;
  out_ << "    labels        ";
  for (const auto& label : labels) out_ << " " << label << ": " << counts[label];
  out_ << "\n";
}

void TaskCheck::check_lengths(const Split& examples) {
  constexpr std::int64_t no_limit = std::int64_t{1} << 40;
  Histogram sources, targets;
  std::size_t cut = 0;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const std::size_t length = words_.encode(examples.source(row), no_limit).ids.size();
    sources.add(length);
    targets.add(words_.encode(examples.target(row), no_limit).ids.size());
    cut += length > static_cast<std::size_t>(request_.source_length);
  }
  out_ << "    source tokens  " << sources.average(examples.size()) << " on average, " << sources.longest()
       << " at most; a source length of " << request_.source_length << " cuts " << cut << " of " << examples.size()
       << "\n";
  sources.print(out_);
  out_ << "    target tokens  " << targets.average(examples.size()) << " on average, " << targets.longest()
       << " at most\n";
  if (data_.labels().empty()) targets.print(out_);
}

void TaskCheck::check_answers(const Split& examples) {
  std::map<std::string, bool> known;
  std::size_t unwritable = 0;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const auto answers = examples.references(row);
    unwritable += std::none_of(answers.begin(), answers.end(), [&](const std::string& answer) {
      const auto [found, is_new] = known.try_emplace(answer, false);
      if (is_new) found->second = tokenizer_->can_write(answer);
      const bool can = found->second;
      if (known.size() > 10000) known.clear();
      return can;
    });
  }
  out_ << "    " << unwritable << " of " << examples.size()
       << " answers hold a character that the tokenizer cannot write\n";
}

// Rows that stand twice, in this split or in one before it. A fact about the data, not a fault of the task.
void TaskCheck::check_duplicates(const std::string& name, const Split& examples) {
  std::map<std::uint64_t, std::size_t> own;
  std::map<std::string, std::size_t> counts;
  std::map<std::string, std::vector<std::string>> listed;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const std::uint64_t hash = XXH3_64bits(examples.source(row).data(), examples.source(row).size());
    const auto note = [&](const std::string& other, std::size_t place) {
      if (++counts[other] <= most_listed)
        listed[other].push_back(std::to_string(row) + " = " + other + " " + std::to_string(place));
    };
    for (const auto& [other, hashes] : seen_)
      if (const auto found = hashes.find(hash); found != hashes.end()) note(other, found->second);
    if (const auto [found, is_new] = own.emplace(hash, row); !is_new) note(name, found->second);
  }
  for (const auto& [other, count] : counts)
    out_ << "    duplicates     " << count << " sources stand "
         << (other == name ? "here before" : "in " + other + " too") << " (" << name << " " << joined(listed[other])
         << (count > most_listed ? ", …" : "") << ")\n";
  seen_.emplace_back(name, std::move(own));
}

void TaskCheck::check_metrics(const Split& examples) {
  const Scorer scorer(registry_, data_, examples);
  std::vector<std::string> perfect;
  std::set<std::string> different;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    perfect.push_back(examples.references(row).front());
    different.insert(perfect.back());
  }
  const Scores best = scorer.score(perfect), worst = scorer.score(std::vector<std::string>(examples.size()));
  for (std::size_t i = 0; i < best.size(); ++i) {
    const auto& [name, score] = best[i];
    out_ << "    " << padded(name, 20) << rounded(score, 2) << " on perfect predictions, "
         << rounded(worst[i].second, 2) << " on empty ones\n";
    if (!std::isfinite(score) || !std::isfinite(worst[i].second)) wrong("metric '" + name + "' is not finite");
    // One answer for all rows leaves a correlation, and an F1 of the other label, undefined.
    if (different.size() > 1 && std::isfinite(score) && !is_full(score)) check_perfect(name, score, examples);
  }
}

// An answer of which nothing is left when it is normalised ("The") has no token that could be right, and scores 0 in
// SQuAD's own script even where it is predicted exactly. A few such rows are the data's; all others have to score 100.
void TaskCheck::check_perfect(const std::string& metric, double score, const Split& examples) {
  std::vector<std::vector<std::string>> references;
  std::vector<std::string> groups, perfect, without;
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const auto answers = examples.references(row);
    const std::string group(examples.group(row));
    const Scorer alone(registry_, {metric}, data_.labels(), {answers}, {group});
    if (!is_full(alone.score({answers.front()}).front().second)) {
      without.push_back(answers.front());
      continue;
    }
    references.push_back(answers);
    groups.push_back(group);
    perfect.push_back(answers.front());
  }
  const bool are_few = without.size() * 100 <= examples.size() && !perfect.empty();
  if (!are_few ||
      !is_full(Scorer(registry_, {metric}, data_.labels(), references, groups).score(perfect).front().second))
    return wrong("metric '" + metric + "' gives " + rounded(score, 2) + " to perfect predictions; 100 is expected");
  out_ << "      100.00 without " << without.size()
       << " answers that score less even where they are predicted exactly: "
       << "nothing is left of them when they are normalised ('" << without.front() << "')\n";
}

void TaskCheck::check_split(const std::string& name) {
  const Split examples = data_.split(name);
  out_ << "    examples       " << examples.size() << "\n";
  check_rows(examples.store());
  check_targets(examples);
  check_lengths(examples);
  check_answers(examples);
  check_duplicates(name, examples);
  check_metrics(examples);
}

bool TaskCheck::run() {
  const auto& task = data_.task();
  out_ << "task " << task.name << (task.suite.empty() ? "" : " (" + task.suite + ")") << ", tokenizer "
       << tokenizer_->path() << "\n";
  const auto texts = data_.labels();
  if (!texts.empty())
    out_ << "  answers have " << target_length(task, *tokenizer_, {}) << " tokens at most, </s> included\n";
  std::vector<std::string> splits;
  for (const auto& split : split_names())
    if (data_.has_split(split)) splits.push_back(split);
  try {
    data_.require_files(splits);
  } catch (const Error& error) {
    wrong(error.what());
    splits.clear();  // the rest would say it again
  }
  for (const auto& split : splits) {
    out_ << "  " << split << "\n";
    try {
      check_split(split);
    } catch (const Error& error) {
      wrong(error.what());
    }
  }
  out_ << "verdict: "
       << (faults_ == 0 ? "all is well"
                        : "something is wrong: " + std::to_string(faults_) + (faults_ == 1 ? " fault" : " faults"))
       << "\n";
  return faults_ == 0;
}

}  // namespace

bool check_task(const TaskData& data, const CheckRequest& request, const Registry& registry, std::ostream& out) {
  return TaskCheck(data, request, registry, out).run();
}

}  // namespace atp
