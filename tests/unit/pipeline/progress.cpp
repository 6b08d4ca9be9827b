#include "pipeline/progress.h"

#include <doctest/doctest.h>

using namespace atp;

TEST_CASE("durations for people") {
  CHECK(duration_text(0.2) == "1 s");
  CHECK(duration_text(47) == "47 s");
  CHECK(duration_text(98.5) == "99 s");
  CHECK(duration_text(100) == "2 min");
  CHECK(duration_text(600) == "10 min");
  CHECK(duration_text(11100) == "3 h 05 min");
}

TEST_CASE("a line says step, trial, rate, loss and time left") {
  Console console(Verbosity::quiet);
  ProgressLine line(console, "[3/12] target.boolq (seed=1)");
  const ProgressLine::Clock::time_point start{};
  const auto after = [&](int seconds) { return start + std::chrono::seconds(seconds); };
  CHECK(line.text({100, 500, 0, "train"}, start) == "[3/12] target.boolq (seed=1) · train 100/500 · loss 0");
  // 50 updates in 10 seconds since this process began at update 100
  CHECK(line.text({150, 500, 0.4125, "train"}, after(10)) ==
        "[3/12] target.boolq (seed=1) · train 150/500 · 5 updates/s · loss 0.4125 · 70 s left");
  CHECK(line.text({0, 20, 0, "validation"}, after(12)) == "[3/12] target.boolq (seed=1) · validation 0/20");
  CHECK(line.text({10, 20, 0, "validation"}, after(14)) ==
        "[3/12] target.boolq (seed=1) · validation 10/20 · 5 examples/s · 2 s left");
}
