#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "atp/export.h"

namespace atp {

// A tokenised split, memory-mapped from the cache: per row source ids and target ids, both with </s> at their end,
// neither longer than what it was tokenised for.
class ATP_EXPORT TokenRows {
 public:
  virtual ~TokenRows();
  virtual std::int64_t size() const = 0;
  virtual std::span<const std::int32_t> source(std::int64_t row) const = 0;
  virtual std::span<const std::int32_t> target(std::int64_t row) const = 0;
  virtual std::int64_t truncated_sources() const = 0;
};

}  // namespace atp
