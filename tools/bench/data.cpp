// atp's arm of tools/bench/data: a task's training file, read and tokenised as a run does it.
//
//   bench-data TASK DATA CACHE TOKENIZER LENGTH [held-out]
//
// reads the whole file, or, with the last word, training and validation as the task's rule cuts them from it. It prints
// one line of JSON: seconds (the wall's), cpu (user and system time of all threads), rows, ids, and the most
// memory that the process has taken. With what it left in CACHE a second run is a warm one.
#include <sys/resource.h>

#include <chrono>
#include <iostream>

#include "data/task_data.h"
#include "data/tokenised.h"
#include "pipeline/content_hash.h"
#include "plugin_host/plugin_host.h"

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

int run(const std::vector<std::string>& arguments) {
  const bool held_out = arguments.size() == 6 && arguments[5] == "held-out";
  if (arguments.size() != 5 && !held_out) throw atp::Error("bench-data TASK DATA CACHE TOKENIZER LENGTH [held-out]");
  const auto began = std::chrono::steady_clock::now();
  atp::LibTorch libtorch;  // is not loaded
  atp::PluginHost host(atp::SearchPath::of_this_program(), libtorch);
  const auto* entry = host.find("task", arguments[0]);
  if (!entry) throw atp::Error("no task '" + arguments[0] + "'");
  atp::Problems problems;
  const auto options = entry->options.check({}, {}, problems);
  const std::string& cache = arguments[2];
  atp::ContentDigests digests(cache + "/digests.sqlite");
  atp::TaskSettings settings{.root = arguments[1], .official_splits = !held_out};
  settings.cache = {cache + "/examples", digests.file(entry->library),
                    [&](const std::string& path) { return digests.file(path); }};
  const atp::TaskData data(host.registry().make<atp::TextTask>(entry->name, options), settings);
  const auto tokenizer = atp::Tokenizer::open(arguments[3]);
  std::int64_t ids = 0, count = 0;
  for (const std::string split : {"train", "validation"}) {
    if (split == "validation" && !held_out) continue;
    const auto rows = atp::tokenise(data.split(split), *tokenizer, {std::stol(arguments[4]), 32}, cache + "/tokens");
    count += rows->size();
    for (std::int64_t row = 0; row < rows->size(); ++row)
      ids += static_cast<std::int64_t>(rows->source(row).size() + rows->target(row).size());
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  atp::Value line = atp::Value::map();
  line.set("seconds", wall.count());
  line.set("cpu", seconds(used.ru_utime) + seconds(used.ru_stime));
  line.set("rows", count);
  line.set("ids", ids);
  line.set("peak_bytes", static_cast<std::int64_t>(used.ru_maxrss) * 1024);
  std::cout << atp::to_json(line) << "\n";
  return 0;
}

}  // namespace

int main(int count, char** arguments) try {
  return run({arguments + 1, arguments + count});
} catch (const std::exception& error) {
  std::cerr << "bench-data: " << error.what() << "\n";
  return 1;
}
