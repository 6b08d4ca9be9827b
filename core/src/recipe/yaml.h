#pragma once

#include <string>

#include "atp/value.h"

namespace atp {

// A plain (unquoted) YAML scalar by the core schema of YAML 1.2 (§10.3.2): null, true/false, integers (decimal, 0o,
// 0x), numbers (.inf and .nan too), else text. Throws RecipeError for a number that does not fit 64 bits.
Value plain_scalar(const std::string& text);

}  // namespace atp
