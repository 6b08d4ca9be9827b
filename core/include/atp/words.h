#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "atp/export.h"

// Lists of words in messages.
namespace atp {

// "a, b, c"
ATP_EXPORT std::string joined(const std::vector<std::string>& words, std::string_view between = ", ");

}  // namespace atp
