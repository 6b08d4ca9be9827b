#include "atp/seed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/data/fixture.h"

TEST_CASE("permutations are torch.randperm's") {
  const auto goldens = test::golden("permutations.json");
  for (const auto& golden : goldens.items()) {
    const auto order =
        atp::permutation(golden.at("n").integer(), static_cast<std::uint32_t>(golden.at("seed").integer()));
    CAPTURE(golden.at("n").integer());
    CHECK(static_cast<std::int64_t>(order.size()) == golden.at("n").integer());
    CHECK(test::fnv(order) == golden.at("hash").text());
    for (std::size_t i = 0; i < golden.at("first").items().size(); ++i) {
      CHECK(order[i] == golden.at("first").items()[i].integer());
    }
  }
}

TEST_CASE("every purpose and counter has a seed of its own, the same on every machine") {
  std::set<std::uint64_t> seeds;
  for (const std::uint64_t seed : {0, 1, 42}) {
    for (const char* purpose : {"", "order", "dropout", "initial:prompt"}) {
      for (const std::uint64_t first : {0, 1, 2}) {
        for (const std::uint64_t second : {0, 1, 2}) seeds.insert(atp::derive_seed(seed, purpose, first, second));
      }
    }
  }
  CHECK(seeds.size() == 3 * 4 * 3 * 3);
  // XXH3 of struct.pack("<QQQ", 42, 1, 2) + b"order": another number would change every result there is.
  CHECK(atp::derive_seed(42, "order", 1, 2) == 0x6a22c6e3d0365880);
}
