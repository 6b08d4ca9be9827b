#pragma once

#include <cstddef>
#include <string_view>

#include "atp/export.h"

namespace atp {

// Where the first byte stands that is not part of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates,
// nothing beyond U+10FFFF); npos where all is well.
ATP_EXPORT std::size_t invalid_utf8(std::string_view text);

}  // namespace atp
