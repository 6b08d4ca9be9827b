#include "pipeline/progress.h"

#include <cmath>
#include <cstdio>

namespace atp {

namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string printed(const char* form, double number) {
  char text[64];
  std::snprintf(text, sizeof text, form, number);
  return text;
}

}  // namespace

std::string counted(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string duration_text(double length) {
  const auto whole = static_cast<long long>(std::ceil(length));
  if (whole < 100) return std::to_string(whole) + " s";
  if (whole < 6000) return std::to_string((whole + 30) / 60) + " min";
  const long long minutes = (whole + 30) / 60;
  return std::to_string(minutes / 60) + " h " + (minutes % 60 < 10 ? "0" : "") + std::to_string(minutes % 60) + " min";
}

ProgressLine::ProgressLine(Console& console, std::string title)
    : console_(console), title_(std::move(title)), phase_began_(Clock::now()), last_shown_(phase_began_) {}

ProgressLine::~ProgressLine() { console_.clear_line(); }

std::string ProgressLine::text(const Progress& progress, Clock::time_point now) {
  if (progress.phase != phase_ || progress.update < phase_began_at_) {
    phase_ = progress.phase;
    phase_began_ = now;
    phase_began_at_ = progress.update;
  }
  const bool training = progress.phase == "train";
  std::string line = title_ + " · " + progress.phase + " " + std::to_string(progress.update);
  if (progress.updates > 0) line += "/" + std::to_string(progress.updates);
  const double passed = duration<double>(now - phase_began_).count();
  const auto done = static_cast<double>(progress.update - phase_began_at_);
  if (passed > 0 && done > 0) {
    line += printed(" · %.3g ", done / passed) + (training ? "updates/s" : "examples/s");
  }
  if (training && progress.update > 0) line += printed(" · loss %.4g", progress.loss);
  if (passed > 0 && done > 0 && progress.updates >= progress.update)
    line += " · " + duration_text(static_cast<double>(progress.updates - progress.update) * passed / done) + " left";
  return line;
}

void ProgressLine::show(const Progress& progress, Clock::time_point now) {
  const std::string line = text(progress, now);  // also where nothing is shown: it notes when a phase began
  if (console_.verbosity() == Verbosity::quiet) return;
  const auto pause = console_.terminal() ? milliseconds(100) : milliseconds(seconds(30));
  const bool first_on_terminal = !shown_ && console_.terminal();
  if (!first_on_terminal && now - last_shown_ < pause) return;
  last_shown_ = now;
  shown_ = true;
  console_.show_line(line);
}

}  // namespace atp
