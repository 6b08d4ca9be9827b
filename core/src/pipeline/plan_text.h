#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "pipeline/plan.h"

namespace atp {

// What finished steps tell of this machine's speed: seconds for one parameter and one token.
struct MeasuredSpeed {
  double seconds_per_work = 0;  // per backbone parameter and token
  std::int64_t steps = 0;       // that it is the mean of
};

// The speed of finished steps of a verb below `out` on a device; nullopt where there is none to learn from.
std::optional<MeasuredSpeed> measured_speed(const std::string& out, const std::string& verb, const std::string& device);

// --dry-run: trials, steps, what each trains and how much it reads; time from finished steps of the same device, where
// there are any, and the weights' memory.
void print_plan(const Plan& plan, const std::string& out, const std::string& device, std::ostream& stream);
Value plan_json(const Plan& plan, const std::string& out, const std::string& device);

}  // namespace atp
