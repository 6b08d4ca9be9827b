#include "pipeline/plan.h"

#include <doctest/doctest.h>

using namespace atp;

TEST_CASE("an epoch's last batch holds what is left of it") {
  CHECK(examples_seen(3, 4, 10) == 10);
  CHECK(examples_seen(4, 4, 10) == 14);
  CHECK(examples_seen(6, 4, 10) == 20);
  CHECK(examples_seen(5, 1000, 4) == 20);
  CHECK(examples_seen(0, 8, 4) == 0);
}
