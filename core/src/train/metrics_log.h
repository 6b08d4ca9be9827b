#pragma once

#include <c10/core/Event.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "atp/export.h"
#include "engine/engine.h"
#include "io/durable_file.h"
#include "train/trainer.h"

namespace atp {

// metrics.jsonl: a line for each update and each evaluation, numbers with 9 significant digits. On a GPU an update's
// numbers are copied while the next updates run, and are written, and looked at, a few updates later.
class ATP_EXPORT MetricsLog {
 public:
  // Goes on after the first `length` bytes of the file.
  MetricsLog(const std::string& path, std::size_t length, at::Device device, const std::vector<SplitData>& splits);

  // Throws NumericError, naming update and examples, where a loss or a gradient is NaN or infinite.
  void add(UpdateRecord record);
  void add_validation(std::int64_t update, double epoch, const std::vector<std::pair<std::string, Scores>>& scores);
  std::size_t flush();  // everything is looked at, written and on disk; gives the file's length

  double last_loss() const { return last_loss_; }

 private:
  struct Pending {
    UpdateRecord record;
    std::unique_ptr<c10::Event> copied;  // nullptr on a CPU
  };
  void write(const Pending& pending);

  LineFile file_;
  at::Device device_;
  std::vector<SplitData> splits_;
  std::deque<Pending> pending_;
  double last_loss_ = 0;
};

// A number as metrics.jsonl and predictions.jsonl have it: 9 significant digits; NaN and infinities are null.
ATP_EXPORT std::string json_number(double number);

}  // namespace atp
