#include "train/schedule.h"

#include <algorithm>

namespace atp {

double Schedule::factor(std::int64_t update) const {
  if (update < warmup_) return static_cast<double>(update) / static_cast<double>(warmup_);
  const auto left = std::max<std::int64_t>(0, updates_ - update);
  return static_cast<double>(left) / static_cast<double>(std::max<std::int64_t>(1, updates_ - warmup_));
}

}  // namespace atp
