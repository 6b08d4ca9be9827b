#include "pipeline/result_record.h"

#include <sys/utsname.h>

#include <ctime>
#include <fstream>

#include "recipe/faults.h"

namespace atp {

namespace {

Value scores_value(const Scores& scores) {
  Value value = Value::map();
  for (const auto& [metric, score] : scores) value.set(metric, score);
  return value;
}

// One task's scores as they are; several tasks': the average of the primary metrics, then each by its full name.
Value summary(const std::vector<std::pair<std::string, Scores>>& tasks) {
  if (tasks.empty()) return Value::map();
  if (tasks.size() == 1) return scores_value(tasks.front().second);
  double sum = 0;
  int count = 0;
  Value all = Value::map();
  for (const auto& [task, scores] : tasks) {
    if (scores.empty()) continue;
    sum += scores.front().second;
    ++count;
  }
  if (count > 0) all.set("average", sum / count);
  for (const auto& [task, scores] : tasks)
    for (const auto& [metric, score] : scores) all.set(task + "." + metric, score);
  return all;
}

std::string numbers_text(const Split::Order& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

Value splits_value(const std::vector<UsedSplit>& splits) {
  Value value = Value::map();
  for (const auto& used : splits) {
    if (!value.find(used.split)) value.set(used.split, Value::map());
    Value& task = value.find(used.split)->set(used.task, Value::map());
    const RowCounts& counts = used.rows.store().counts();
    task.set("examples", static_cast<std::int64_t>(used.rows.size()));
    task.set("truncated_sources", used.truncated_sources);
    task.set("bad_rows", static_cast<std::int64_t>(counts.bad));
    task.set("left_out_rows", static_cast<std::int64_t>(counts.left_out));
    task.set("indices", text_digest(numbers_text(used.rows.order())));
  }
  return value;
}

std::int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::int64_t kilobytes = 0;
  while (status >> word)
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  return 0;
}

Value versions(const StepContents& plugins, const DeviceReport& device) {
  Value value = Value::map();
  value.set("atp", ATP_VERSION);
  value.set("numerics", numerics_version);
  value.set("libtorch", device.libtorch_version);
  const auto add = [&](const char* kind, const Registry::Entry* entry) {
    if (entry) value.set(std::string(kind) + " " + entry->name, entry->plugin + " " + entry->version);
  };
  add("backbone", plugins.backbone);
  add("method", plugins.method);
  add("combiner", plugins.combiner);
  for (const auto& task : plugins.tasks) {
    add("task", task.plugin);
    for (const auto* metric : task.metrics) add("metric", metric);
    for (const auto* reader : task.readers) add("reader", reader);
  }
  return value;
}

}  // namespace

std::string splits_record(const std::vector<UsedSplit>& splits) {
  std::string text;
  for (const auto& used : splits) {
    Value line = Value::map();
    line.set("split", used.split);
    line.set("task", used.task);
    std::string start = to_json(line);
    start.pop_back();
    text += start + ", \"indices\": [" + numbers_text(used.rows.order()) + "]}\n";
  }
  return text;
}

Value result_record(const Work& work, const StepResult& result, const std::vector<UsedSplit>& splits) {
  const bool trains = work.step.verb == "train";
  Value record = Value::map();
  record.set("id", work.id);
  record.set("verb", work.step.verb);
  Value& tasks = record.set("tasks", Value::list());
  for (const auto& task : work.tasks) tasks.push_back(task->name);
  record.set("scores", summary(result.scores));
  Value& by_task = record.set("task_scores", Value::map());
  for (const auto& [task, scores] : result.scores) by_task.set(task, scores_value(scores));
  if (trains) {
    Value& best = record.set("best", Value::map());
    best.set("update", result.best_update);
    best.set("epoch", result.best_epoch);
    record.set("updates", result.updates);
  }
  record.set("trained_parameters", result.trained.parameters);
  record.set("trained_parameters_per_task", result.trained.parameters_per_task);
  record.set("trained_share", result.trained.share());
  record.set("backbone_parameters", result.trained.backbone_parameters);
  if (const auto faults = faults_in(work.step); !faults.empty()) {
    Value& names = record.set("compat", Value::list());
    for (const auto& fault : faults) names.push_back(fault);
  }
  std::int64_t examples = 0, truncated = 0;
  for (const auto& used : splits) {
    if (trains && used.split != "train") continue;
    examples += static_cast<std::int64_t>(used.rows.size());
    truncated += used.truncated_sources;
  }
  record.set("examples", examples);
  record.set("truncated_sources", truncated);
  record.set("splits", splits_value(splits));
  record.set("identity", work.identity);
  return record;
}

void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Value run_record(const Work& work, const RunCircumstances& circumstances, const StepContents& plugins) {
  utsname host = {};
  ::uname(&host);
  Value record = Value::map();
  record.set("step", work.title());
  record.set("seconds", circumstances.seconds);
  record.set("tokens", circumstances.tokens);
  record.set("peak_memory_bytes", peak_memory_bytes());
  record.set("device", circumstances.device.device);
  record.set("threads", circumstances.threads);
  record.set("started", circumstances.started);
  record.set("finished", circumstances.finished);
  record.set("resumed_at", circumstances.resumed_at);
  record.set("host", host.nodename);
  record.set("system", std::string(host.sysname) + " " + host.release + " " + host.machine);
  record.set("versions", versions(plugins, circumstances.device));
  return record;
}

}  // namespace atp
