#include <atp/plugin.h>
#include <atp/seed.h>
#include <atp/task.h>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>
#include <sstream>

// Small tasks that need no files: a table holds fruits, tools and other things. `toy` asks whether there are more
// fruits or more tools, `toy_first` which of the two is named first. The rows come from a seed: 200 for validation and
// 200 for test, which are the same whatever `size` is, and `size` others to train on; no sentence occurs twice. A tiny
// T5 with random weights learns it by fine-tuning to more than 95%.
namespace {

using namespace atp;

constexpr std::array fruits = {"apple", "pear", "plum", "fig", "cherry", "grape", "lemon", "melon"};
constexpr std::array tools = {"hammer", "saw", "drill", "chisel", "wrench", "axe", "rake", "spade"};
constexpr std::array others = {"lamp", "book", "cup", "key", "stone", "coat", "shoe", "clock"};
constexpr std::size_t scored_rows = 200;

// Draws that are the same with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : generator_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(generator_() % n); }

 private:
  std::mt19937_64 generator_;
};

struct Sentence {
  std::string text;
  bool more_fruits = false;
};

// 7 to 11 things, of which one kind has two or more above the other.
Sentence draw(Dice& dice) {
  const bool more_fruits = dice.below(2) == 0;
  const std::size_t fewer = dice.below(3), more = fewer + 2 + dice.below(2);
  const std::size_t rest = 7 + dice.below(5) - std::min<std::size_t>(7, fewer + more);
  std::vector<std::string> things;
  for (std::size_t i = 0; i < (more_fruits ? more : fewer); ++i) things.push_back(fruits[dice.below(fruits.size())]);
  for (std::size_t i = 0; i < (more_fruits ? fewer : more); ++i) things.push_back(tools[dice.below(tools.size())]);
  for (std::size_t i = 0; i < rest; ++i) things.push_back(others[dice.below(others.size())]);
  Sentence sentence{"on the table:", more_fruits};
  for (std::size_t left = things.size(); left > 0; --left) {
    std::swap(things[dice.below(left)], things[left - 1]);
    sentence.text += " " + things[left - 1];
  }
  return sentence;
}

std::vector<Row> rows(const std::string& split, std::uint64_t seed, std::size_t size) {
  const std::size_t first = split == "validation" ? 0 : split == "test" ? scored_rows : 2 * scored_rows;
  const std::size_t last = split == "train" ? first + size : first + scored_rows;
  Dice dice(derive_seed(seed, "toy"));
  std::set<std::string> seen;
  std::vector<Row> result;
  while (seen.size() < last) {
    const Sentence sentence = draw(dice);
    if (!seen.insert(sentence.text).second || seen.size() <= first) continue;
    result.emplace_back(
        Value(Value::Map{{"sentence", sentence.text}, {"label", sentence.more_fruits ? "fruits" : "tools"}}));
  }
  return result;
}

// "fruits" or "tools", whichever of the two a sentence has first.
std::string first_kind(const std::string& sentence) {
  const auto is_one_of = [](const auto& kind, const std::string& word) {
    return std::find(kind.begin(), kind.end(), word) != kind.end();
  };
  std::istringstream words(sentence);
  std::string word;
  while (words >> word && !is_one_of(fruits, word) && !is_one_of(tools, word)) {
  }
  return is_one_of(fruits, word) ? "fruits" : "tools";
}

TextTask asking(const std::string& name, const std::string& question, std::function<std::string(const Row&)> answer,
                const Params& params) {
  const auto seed = static_cast<std::uint64_t>(params.integer("seed"));
  const auto size = static_cast<std::size_t>(params.integer("size"));
  return {
      .name = name,
      .suite = "toy",
      .summary = question,
      .origin = "made by the task itself",
      .licence = "atp's own",
      .labels = {{"fruits", "fruits"}, {"tools", "tools"}},
      .metrics = {"accuracy"},
      .render = [answer](const Row& row) { return Example{.source = row["sentence"], .target = answer(row)}; },
      .generate = [seed, size](const std::string& split) { return rows(split, seed, size); },
  };
}

TextTask toy(const Params& params) {
  return asking(
      "toy", "are there more fruits or more tools on the table?", [](const Row& row) { return row["label"]; }, params);
}

TextTask toy_first(const Params& params) {
  return asking(
      "toy_first", "which is named first, a fruit or a tool?",
      [](const Row& row) { return first_kind(row["sentence"]); }, params);
}

}  // namespace

ATP_PLUGIN(registry) {
  const Options options = {integer("seed", 0).help("of the rows that are drawn"),
                           integer("size", 2000).at_least(1).at_most(1000000).unit("examples").help("to train on")};
  registry.add(Offer<TextTask>{"toy", "more fruits or more tools? made from a seed, without files", options, toy});
  registry.add(Offer<TextTask>{"toy_first", "fruit or tool first? of the rows of toy", options, toy_first});
}
