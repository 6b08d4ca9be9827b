#include "atp/log.h"

#include <spdlog/spdlog.h>

// The host configures spdlog's default logger (level, sinks); plugins reach it through these four functions alone.
namespace atp::log {

void debug(const std::string& message) { spdlog::default_logger_raw()->log(spdlog::level::debug, message); }
void info(const std::string& message) { spdlog::default_logger_raw()->log(spdlog::level::info, message); }
void warn(const std::string& message) { spdlog::default_logger_raw()->log(spdlog::level::warn, message); }
void error(const std::string& message) { spdlog::default_logger_raw()->log(spdlog::level::err, message); }

}  // namespace atp::log
