#pragma once

#include <cstdint>

#include "atp/export.h"

namespace atp {

// Linear warm-up, then linear decay to 0: what the base rates are multiplied with in an update, counted from 0. With a
// warm-up the first update's factor is 0.
class ATP_EXPORT Schedule {
 public:
  Schedule(std::int64_t updates, std::int64_t warmup) : updates_(updates), warmup_(warmup) {}

  double factor(std::int64_t update) const;

 private:
  std::int64_t updates_;
  std::int64_t warmup_;
};

}  // namespace atp
