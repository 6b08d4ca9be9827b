#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "pipeline/console.h"

namespace atp {

// Step, trial, rate, loss and time left on standard error: one updating line on a terminal, otherwise a line every half
// minute.
class ProgressLine {
 public:
  using Clock = std::chrono::steady_clock;

  // `title`: "[3/12] target.boolq (variant=ATTEMPT)".
  ProgressLine(Console& console, std::string title);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const Progress& progress, Clock::time_point now = Clock::now());
  // What `show` writes: "title · train 120/500 · 8.1 updates/s · loss 0.412 · 47 s left".
  std::string text(const Progress& progress, Clock::time_point now);

 private:
  Console& console_;
  std::string title_, phase_;
  Clock::time_point phase_began_, last_shown_;
  std::int64_t phase_began_at_ = 0;
  bool shown_ = false;
};

// "1 step", "12 steps".
std::string counted(std::size_t number, const std::string& noun);
// "47 s", "12 min", "3 h 05 min".
std::string duration_text(double seconds);

}  // namespace atp
