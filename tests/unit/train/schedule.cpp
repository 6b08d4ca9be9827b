#include "train/schedule.h"

#include <doctest/doctest.h>

TEST_CASE("linear warm-up from 0, then linear decay to 0") {
  const atp::Schedule schedule(10, 4);
  const double expected[] = {0, 0.25, 0.5, 0.75, 1, 5.0 / 6, 4.0 / 6, 3.0 / 6, 2.0 / 6, 1.0 / 6};
  for (int update = 0; update < 10; ++update) CHECK(schedule.factor(update) == doctest::Approx(expected[update]));
  CHECK(schedule.factor(10) == 0);
  CHECK(schedule.factor(11) == 0);
}

TEST_CASE("without a warm-up the first update has the whole rate") {
  const atp::Schedule schedule(4, 0);
  CHECK(schedule.factor(0) == 1);
  CHECK(schedule.factor(3) == 0.25);
}

TEST_CASE("a run shorter than its warm-up never reaches its rate (CB: 160 updates, warm-up 500)") {
  const atp::Schedule schedule(160, 500);
  CHECK(schedule.factor(159) == doctest::Approx(159.0 / 500));
}
