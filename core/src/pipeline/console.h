#pragma once

#include <memory>
#include <set>
#include <string>

// Standard error while a recipe runs: log messages, and below them one line of progress.
namespace atp {

enum class Verbosity { quiet, normal, verbose };

// Sends atp::log's messages to standard error by level, and everything but debugging to the log of the step that runs.
class Console {
 public:
  explicit Console(Verbosity verbosity);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  bool terminal() const;  // standard error is one, and shows a line that is written over
  Verbosity verbosity() const { return verbosity_; }
  void show_line(const std::string& text);  // on a terminal: instead of the line before; else: a line of its own
  void clear_line();                        // takes the updating line away

  // Messages go to this file too until `end_log`; one that cannot be written is done without.
  void begin_log(const std::string& path);
  void end_log();
  // A warning that is shown once, however many steps give it; each step's log has it.
  void warn_once(const std::string& text);

 private:
  struct Sinks;
  std::set<std::string> said_;
  Verbosity verbosity_;
  std::unique_ptr<Sinks> sinks_;
};

}  // namespace atp
