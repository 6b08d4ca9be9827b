#include "data/scoring.h"

#include <string_view>

namespace atp {

namespace {

// Unicode's white space, as Python's str.strip takes it away.
constexpr std::string_view spaces[] = {"\t",           "\n",           "\v",           "\f",           "\r",
                                       "\x1c",         "\x1d",         "\x1e",         "\x1f",         " ",
                                       "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
                                       "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
                                       "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

std::string_view stripped(std::string_view text) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto space : spaces) {
      if (text.starts_with(space)) text.remove_prefix(space.size()), changed = true;
      if (text.ends_with(space)) text.remove_suffix(space.size()), changed = true;
    }
  }
  return text;
}

}  // namespace

Scorer::Scorer(const Registry& registry, const std::vector<std::string>& metrics, std::vector<std::string> labels,
               std::vector<std::vector<std::string>> references, std::vector<std::string> groups) {
  if (metrics.empty()) throw RecipeError("no metric to score with; name at least one");
  for (const auto& name : metrics) {
    Params defaults;
    if (const auto* entry = registry.find(Interface<Metric>::kind, name)) {
      Problems problems;
      defaults = entry->options.check({}, {}, problems);
      problems.throw_if_any();
    }
    metrics_.emplace_back(name, registry.make<Metric>(name, defaults));
  }
  rows_.labels = std::move(labels);
  for (const auto& [name, metric] : metrics_) metric->score(rows_);  // no rows: says whether the labels suit it
  rows_.references = std::move(references);
  rows_.groups = std::move(groups);
  rows_.groups.resize(rows_.references.size());
}

Scorer::Scorer(const Registry& registry, const TaskData& data, Split split)
    : Scorer(registry, data.task().metrics, data.labels(), {}, {}) {
  split_ = std::move(split);
}

Scores Scorer::score(const std::vector<std::string>& predictions) const {
  const std::size_t rows = split_ ? split_->size() : rows_.references.size();
  if (predictions.size() != rows) {
    throw DataError(std::to_string(predictions.size()) + " predictions for " + std::to_string(rows) +
                    " rows; expected one for each row");
  }
  Predictions scored = rows_;
  for (std::size_t row = 0; split_ && row < rows; ++row) {
    scored.references.push_back(split_->references(row));
    scored.groups.emplace_back(split_->group(row));
  }
  scored.texts.reserve(rows);
  for (const auto& prediction : predictions) scored.texts.emplace_back(stripped(prediction));
  Scores scores;
  for (const auto& [name, metric] : metrics_) scores.emplace_back(name, metric->score(scored));
  return scores;
}

}  // namespace atp
