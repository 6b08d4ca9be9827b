#pragma once

#include <atomic>

namespace atp {

// From the first call on, SIGINT and SIGTERM set this flag, so that the running update can be finished and saved; a
// second one ends the process at once. SIGPIPE and SIGXFSZ no longer kill: the write that failed is reported instead.
const std::atomic<bool>& stop_signal();

}  // namespace atp
