#include "pipeline/stop_signal.h"

#include <signal.h>
#include <unistd.h>

namespace atp {

namespace {

std::atomic<bool> stopped{false};
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr int stopped_by_user = 130;

extern "C" void handle_stop(int) {
  if (stopped.exchange(true)) ::_exit(stopped_by_user);
}

}  // namespace

const std::atomic<bool>& stop_signal() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_handler = handle_stop;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::signal(SIGXFSZ, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  static_cast<void>(installed);
  return stopped;
}

}  // namespace atp
