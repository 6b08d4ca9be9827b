#include "train/batches.h"

#include <algorithm>
#include <set>

#include "tests/unit/train/experiment.h"

namespace {

std::vector<std::vector<atp::ExampleNumber>> epoch_of(atp::Batches& batches, std::int64_t epoch) {
  std::vector<std::vector<atp::ExampleNumber>> all;
  for (std::int64_t i = 0; i < batches.per_epoch(); ++i) all.push_back(batches.update(epoch, i));
  return all;
}

std::multiset<std::pair<std::int64_t, std::int64_t>> examples_of(
    const std::vector<std::vector<atp::ExampleNumber>>& epoch) {
  std::multiset<std::pair<std::int64_t, std::int64_t>> all;
  for (const auto& batch : epoch)
    for (const auto& [split, row] : batch) all.emplace(split, row);
  return all;
}

const std::vector<atp::SplitData>& mixture() {
  static const std::vector<atp::SplitData> splits = {made_split("one", 0, 23), made_split("two", 1, 8)};
  return splits;
}

std::size_t source_size(const atp::ExampleNumber& example) {
  return mixture()[static_cast<std::size_t>(example.split)].rows->source(example.row).size();
}

}  // namespace

TEST_CASE("every order covers each example of a mixture once an epoch, in batches of which the last may be smaller") {
  std::multiset<std::pair<std::int64_t, std::int64_t>> whole;
  for (std::int64_t row = 0; row < 23; ++row) whole.emplace(0, row);
  for (std::int64_t row = 0; row < 8; ++row) whole.emplace(1, row);
  for (const auto* order : {"shuffled", "by_length", "file"}) {
    CAPTURE(order);
    atp::Batches batches(mixture(), order, 4, 7);
    CHECK(batches.examples() == 31);
    CHECK(batches.per_epoch() == 8);
    for (const auto epoch : {0, 1, 2}) {
      const auto all = epoch_of(batches, epoch);
      CHECK(examples_of(all) == whole);
      std::map<std::size_t, int> sizes;
      for (const auto& batch : all) ++sizes[batch.size()];
      CHECK((sizes == std::map<std::size_t, int>{{4, 7}, {3, 1}}));
    }
  }
}

TEST_CASE("an update's examples depend on seed, epoch and index alone") {
  for (const auto* order : {"shuffled", "by_length"}) {
    atp::Batches one(mixture(), order, 4, 7), again(mixture(), order, 4, 7), other(mixture(), order, 4, 8);
    epoch_of(one, 0);
    CHECK(one.update(3, 5) == again.update(3, 5));
    CHECK(epoch_of(one, 3) != epoch_of(one, 4));
    CHECK(epoch_of(one, 3) != epoch_of(other, 3));
  }
}

TEST_CASE("file: as the splits have them") {
  atp::Batches batches(mixture(), "file", 5, 7);
  const std::vector<atp::ExampleNumber> expected = {{0, 20}, {0, 21}, {0, 22}, {1, 0}, {1, 1}};
  CHECK(batches.update(0, 4) == expected);
  CHECK(batches.update(9, 4) == expected);
}

TEST_CASE("by_length: a batch's rows are alike, and batches are not in the order of length") {
  atp::Batches batches(mixture(), "by_length", 4, 7);
  std::vector<std::size_t> longest;
  for (const auto& batch : epoch_of(batches, 0)) {
    const auto falls = [](const auto& a, const auto& b) { return source_size(a) > source_size(b); };
    CHECK(std::is_sorted(batch.begin(), batch.end(), falls));
    longest.push_back(source_size(batch.front()));
  }
  CHECK_FALSE(std::is_sorted(longest.rbegin(), longest.rend()));
}

TEST_CASE("a batch: ids and labels padded on the right, lengths, tasks, rows") {
  const auto& one = mixture()[0];
  const std::vector<atp::ExampleNumber> examples = {{1, 3}, {0, 2}};
  const auto batch = atp::make_batch(examples, mixture(), at::kCPU);
  CHECK((batch.rows == std::vector<std::int64_t>{3, 2}));
  CHECK(batch.tasks.equal(at::arange(2).flip(0)));
  const auto source = one.rows->source(2);
  CHECK(batch.lengths.host[1] == static_cast<std::int64_t>(source.size()));
  CHECK(batch.lengths.device[1].item<std::int64_t>() == batch.lengths.host[1]);
  CHECK(batch.ids.size(1) == *std::max_element(batch.lengths.host.begin(), batch.lengths.host.end()));
  for (std::int64_t i = 0; i < batch.ids.size(1); ++i)
    CHECK(batch.ids[1][i].item<std::int64_t>() ==
          (i < batch.lengths.host[1] ? source[static_cast<std::size_t>(i)] : 0));
  CHECK(batch.labels[1][0].item<std::int64_t>() == one.rows->target(2)[0]);
  CHECK(atp::text_of(examples, mixture()) == "task 'one' row 2; task 'two' row 3");
}

TEST_CASE("nothing to train on, an unknown order") {
  CHECK(contains(message_of([] { atp::Batches({made_split("none", 0, 0)}, "file", 4, 0); }),
                 "task 'none' has no example"));
  CHECK(contains(message_of([] { atp::Batches(mixture(), "sorted", 4, 0); }), "expected shuffled, by_length or file"));
}

TEST_CASE(
    "sampling: shares of the tasks; each goes through all its rows before one comes again; a position is two numbers") {
  // 23 and 8 examples, 31 an epoch.
  const auto counts = [](const std::string& by, double temperature, const std::string& order = "shuffled") {
    atp::Batches batches(mixture(), order, 4, 7, {.by = by, .temperature = temperature});
    CHECK(batches.examples() == 31);
    std::map<std::int64_t, std::int64_t> seen;
    for (const auto& [split, row] : examples_of(epoch_of(batches, 0))) ++seen[split];
    return seen;
  };
  using Counts = std::map<std::int64_t, std::int64_t>;
  CHECK((counts("proportional", 10) == Counts{{0, 23}, {1, 8}}));
  CHECK((counts("equal", 10) == Counts{{0, 16}, {1, 15}}));
  CHECK((counts("temperature", 1) == Counts{{0, 23}, {1, 8}}));
  CHECK((counts("temperature", 2) == Counts{{0, 19}, {1, 12}}));  // √23 : √8, so 19.4998 and 11.5002
  CHECK((counts("temperature", 1e9) == Counts{{0, 16}, {1, 15}}));
  CHECK((counts("equal", 10, "file") == Counts{{0, 16}, {1, 15}}));
  CHECK((counts("equal", 10, "by_length") == Counts{{0, 16}, {1, 15}}));

  atp::Batches batches(mixture(), "shuffled", 4, 7, {.by = "equal"}),
      again(mixture(), "shuffled", 4, 7, {.by = "equal"});
  std::map<std::pair<std::int64_t, std::int64_t>, int> seen;
  for (std::int64_t epoch = 0; epoch < 23; ++epoch)  // 23 · 16 = 16 times the first task's rows
    for (const auto& example : examples_of(epoch_of(batches, epoch))) ++seen[example];
  for (const auto& [example, times] : seen) {
    const auto split = example.first, row = example.second;
    CAPTURE(split);
    CAPTURE(row);
    if (split == 0) CHECK(times == 16);
    if (split == 1) CHECK((times == 43 || times == 44));  // 23 · 15 / 8 = 43.1
  }
  CHECK(again.update(5, 3) == batches.update(5, 3));
  CHECK_THROWS_AS(atp::Batches(mixture(), "shuffled", 4, 7, {.by = "often"}), atp::RecipeError);
}
