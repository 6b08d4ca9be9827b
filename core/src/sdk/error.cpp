#include "atp/error.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>

namespace atp {

std::string Origin::text() const {
  std::string result = file;
  if (line > 0) result += ":" + std::to_string(line);
  if (line > 0 && column > 0) result += ":" + std::to_string(column);
  return result;
}

namespace {

std::string placed(const Origin& origin, const std::string& message) {
  return origin.known() ? origin.text() + ": " + message : message;
}

// Edits (insert, remove, replace, swap neighbours) between two words.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(message) {}
Error::Error(const Origin& origin, const std::string& message)
    : std::runtime_error(placed(origin, message)), origin_(origin) {}
Error::~Error() = default;
RecipeError::~RecipeError() = default;
DataError::~DataError() = default;
FormatError::~FormatError() = default;
PluginError::~PluginError() = default;
NumericError::~NumericError() = default;

std::string Problem::text() const { return placed(origin, message); }

void Problems::add(const Origin& origin, const std::string& message) { list_.push_back({origin, message}); }

void Problems::throw_if_any() const {
  if (list_.empty()) return;
  auto sorted = list_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.origin.file, a.origin.line, a.origin.column) <
           std::tie(b.origin.file, b.origin.line, b.origin.column);
  });
  std::string text;
  std::vector<std::string> said;
  for (const auto& problem : sorted) {
    const std::string line = problem.text();
    if (std::find(said.begin(), said.end(), line) != said.end()) continue;  // the same mistake seen from several trials
    said.push_back(line);
    text += (text.empty() ? "" : "\n") + line;
  }
  throw RecipeError(text);
}

std::string did_you_mean(const std::string& said, const std::vector<std::string>& known) {
  const std::string word = lower(said);
  std::string nearest;
  std::size_t distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::size_t edits = edit_distance(word, lower(candidate));
    if (edits < distance) {
      distance = edits;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

}  // namespace atp
