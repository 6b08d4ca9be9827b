#include "pipeline/mistakes.h"

#include <algorithm>
#include <utility>

namespace atp {

namespace {

void add_once(std::vector<std::string>& names, const std::vector<std::string>& more) {
  for (const auto& name : more)
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// "seed=1; seed=2; seed=3 and 7 more"
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) text += (i > 0 ? "; " : "") + names[i];
  return text + (names.size() > shown ? " and " + std::to_string(names.size() - shown) + " more" : "");
}

}  // namespace

void Mistakes::enter_trials(const std::vector<std::string>& names) {
  trials_ = names;
  all_trials_.insert(names.begin(), names.end());
}

Mistakes::Mistake& Mistakes::find(const Origin& place, const std::string& message) {
  auto known = std::find_if(list_.begin(), list_.end(), [&](const Mistake& mistake) {
    return mistake.place.text() == place.text() && mistake.message == message;
  });
  if (known == list_.end()) known = list_.insert(known, {place, message, {}, {}});
  add_once(known->trials, trials_);
  return *known;
}

void Mistakes::add(const Origin& place, const std::string& message) { find(place, message); }

void Mistakes::add(const Origin& place, const Error& error) {
  if (!error.origin().known()) return add(place, error.what());
  Mistake& mistake = find({}, error.what());
  if (place.known() && error.origin().file != place.file) add_once(mistake.wanted_by, {place.text()});
}

void Mistakes::throw_if_any() {
  Problems problems;
  for (const auto& mistake : std::exchange(list_, {})) {
    std::string text = mistake.message;
    if (!mistake.trials.empty() && mistake.trials.size() < all_trials_.size())
      text += (mistake.trials.size() == 1 ? " (trial " : " (trials ") + some_of(mistake.trials) + ")";
    if (!mistake.wanted_by.empty()) text += "\n  (wanted by " + some_of(mistake.wanted_by) + ")";
    problems.add(mistake.place, text);
  }
  problems.throw_if_any();
}

}  // namespace atp
