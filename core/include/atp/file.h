#pragma once

#include <string>

#include "atp/export.h"

namespace atp {

// All bytes of a file. Throws Error naming the path and the system's reason.
ATP_EXPORT std::string read_file(const std::string& path);

}  // namespace atp
