#pragma once

#include <string>

#include "atp/export.h"

// Messages for people, on standard error (and in a step's log.txt while a step runs). Plugins use these too.
namespace atp::log {

ATP_EXPORT void debug(const std::string& message);
ATP_EXPORT void info(const std::string& message);
ATP_EXPORT void warn(const std::string& message);
ATP_EXPORT void error(const std::string& message);

}  // namespace atp::log
