#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "pipeline/plan.h"

namespace atp {

// What finished steps tell of this machine's speed.
struct MeasuredSpeed {
  double tokens_per_second = 0;
  std::int64_t steps = 0;  // that it is the mean of
};

// The speed of finished steps of a verb below `out` on a device, with a backbone of that many parameters; nullopt where
// there is none to learn from.
std::optional<MeasuredSpeed> measured_speed(const std::string& out, const std::string& verb, const std::string& device,
                                            std::int64_t backbone_parameters);

// --dry-run: trials, steps, what each trains and how much it reads; time from finished steps with the same backbone on
// the same device, where there are any, and the weights' memory.
void print_plan(const Plan& plan, const std::string& out, const std::string& device, std::ostream& stream);
Value plan_json(const Plan& plan, const std::string& out, const std::string& device);

}  // namespace atp
