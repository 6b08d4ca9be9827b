#pragma once

#include <string>
#include <string_view>

namespace atp::generation {

// SHA-1 (RFC 3174) as 40 hexadecimal digits: what stories of CNN and the Daily Mail are named by. No protection against
// anybody.
std::string sha1(std::string_view text);

}  // namespace atp::generation
