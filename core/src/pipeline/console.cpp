#include "pipeline/console.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace atp {

namespace {

// Writes messages above the progress line, which it takes away first.
class ErrorStreamSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ErrorStreamSink(bool terminal) : terminal_(terminal) {}

  void show(const std::string& text) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!terminal_) {
      std::fprintf(stderr, "%s\n", text.c_str());
    } else {
      std::fprintf(stderr, "\r%s\033[K", cut(text).c_str());
      line_shown_ = true;
    }
    std::fflush(stderr);
  }
  void clear() {
    const std::lock_guard<std::mutex> guard(mutex_);
    erase();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    erase();
    const char* kind = message.level >= spdlog::level::err    ? "error: "
                       : message.level == spdlog::level::warn ? "warning: "
                                                              : "";
    std::fprintf(stderr, "%s%.*s\n", kind, static_cast<int>(message.payload.size()), message.payload.data());
  }
  void flush_() override { std::fflush(stderr); }

 private:
  void erase() {
    if (line_shown_) std::fputs("\r\033[K", stderr);
    line_shown_ = false;
  }
  // No longer than the terminal is wide, so that the line stays one; a character may take several bytes.
  static std::string cut(const std::string& text) {
    winsize size = {};
    const std::size_t width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col - 1u : 79;
    std::size_t characters = 0, end = 0;
    for (; end < text.size(); ++end) {
      if ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) continue;
      if (++characters > width) break;
    }
    return text.substr(0, end);
  }

  bool terminal_;
  bool line_shown_ = false;
};

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind && std::string(kind) != "dumb";
}

}  // namespace

struct Console::Sinks {
  std::shared_ptr<ErrorStreamSink> stream;
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> file;
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
};

Console::Console(Verbosity verbosity) : verbosity_(verbosity), sinks_(std::make_unique<Sinks>()) {
  sinks_->stream = std::make_shared<ErrorStreamSink>(is_terminal());
  sinks_->stream->set_level(verbosity == Verbosity::quiet     ? spdlog::level::warn
                            : verbosity == Verbosity::verbose ? spdlog::level::debug
                                                              : spdlog::level::info);
  auto logger = std::make_shared<spdlog::logger>("atp", sinks_->stream);
  logger->set_level(spdlog::level::debug);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

Console::~Console() {
  clear_line();
  spdlog::set_default_logger(sinks_->before);
}

bool Console::terminal() const { return is_terminal(); }
void Console::show_line(const std::string& text) { sinks_->stream->show(text); }
void Console::clear_line() { sinks_->stream->clear(); }

void Console::begin_log(const std::string& path) try {
  end_log();
  auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  file->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
  file->set_level(spdlog::level::info);
  spdlog::default_logger()->sinks().push_back(file);
  sinks_->file = std::move(file);
} catch (const spdlog::spdlog_ex& error) {
  spdlog::warn("{}: no log can be written ({})", path, error.what());
}

void Console::end_log() {
  if (!sinks_->file) return;
  spdlog::default_logger()->sinks().pop_back();
  sinks_->file.reset();
}

void Console::warn_once(const std::string& text) {
  if (said_.insert(text).second) return spdlog::warn("{}", text);
  if (sinks_->file) sinks_->file->log({"atp", spdlog::level::warn, text});
}

}  // namespace atp
