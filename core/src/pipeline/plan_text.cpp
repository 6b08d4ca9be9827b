#include "pipeline/plan_text.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>

#include "pipeline/progress.h"
#include "pipeline/record.h"
#include "pipeline/saved_update.h"
#include "report/report.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

std::int64_t weight_bytes(const Work& work) {
  const Value* precision = step_value(work.step, "precision");
  const std::string name = precision && precision->is_text() ? precision->text() : "float32";
  return work.trained.backbone_parameters * (name == "bfloat16" ? 2 : name == "float64" ? 8 : 4);
}

// Digits in groups of three: 231,936.
std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto place = static_cast<std::int64_t>(text.size()) - 3; place > (number < 0 ? 1 : 0); place -= 3)
    text.insert(static_cast<std::size_t>(place), ",");
  return text;
}

std::string memory_text(std::int64_t bytes) {
  char text[32];
  const double mebibytes = static_cast<double>(bytes) / (1 << 20);
  if (mebibytes < 1024)
    std::snprintf(text, sizeof text, "%.3g MiB", mebibytes);
  else
    std::snprintf(text, sizeof text, "%.3g GiB", mebibytes / 1024);
  return text;
}

std::string task_names(const Work& work) {
  std::string names;
  for (const auto& task : work.tasks) names += (names.empty() ? "" : ", ") + task->name;
  return names;
}

// Seconds that each piece of work will take, as far as finished ones of the same kind tell: another backbone's speed
// says nothing.
class Estimate {
 public:
  Estimate(const std::string& out, const std::string& device) : out_(out), device_(device) {}

  // Updates of a training that a process before this one made and saved. Where --fresh is at work nobody knows here
  // which of two states counts: none is said.
  std::int64_t saved(const Work& work) const {
    const StepFolder folder(out_, work.id);
    const bool goes_on = work.state == WorkState::resumable || work.state == WorkState::failed;
    return goes_on && !folder.has_afresh() ? std::min(saved_update(folder.path()), work.updates) : 0;
  }
  std::optional<double> seconds(const Work& work) {
    if (work.tokens == 0 || work.trained.backbone_parameters == 0) return std::nullopt;
    const auto kind = std::pair(work.step.verb, work.trained.backbone_parameters);
    auto known = speeds_.find(kind);
    if (known == speeds_.end())
      known = speeds_.emplace(kind, measured_speed(out_, kind.first, device_, kind.second)).first;
    if (!known->second) return std::nullopt;
    const double left =
        1 - static_cast<double>(saved(work)) / static_cast<double>(std::max<std::int64_t>(1, work.updates));
    return left * static_cast<double>(work.tokens) / known->second->tokens_per_second;
  }
  std::int64_t steps() const {
    std::int64_t steps = 0;
    for (const auto& [kind, speed] : speeds_) steps += speed ? speed->steps : 0;
    return steps;
  }

 private:
  std::string out_, device_;
  std::map<std::pair<std::string, std::int64_t>, std::optional<MeasuredSpeed>> speeds_;
};

// Two digits of it, so that a small share is seen: "0.36%".
std::string percentage(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g%%", 100 * share);
  return share >= 1 ? std::to_string(std::llround(100 * share)) + "%" : text;
}

void print_work(const Work& work, Estimate& estimate, std::ostream& stream) {
  stream << "  " << std::left << std::setw(26) << work.title() << ' ' << std::setw(9) << work.step.verb << ' '
         << std::setw(10) << state_name(work.state) << std::right;
  if (work.step.verb == "train") {
    stream << (work.step.method ? " " + work.step.method->name : "") << ": " << grouped(work.trained.parameters)
           << " trained";
    const auto each = static_cast<std::int64_t>(work.trained.parameters_per_task);
    if (each != work.trained.parameters && each > 0) stream << " (" << grouped(each) << " a task)";
    if (work.trained.backbone_parameters > 0)
      stream << ", " << percentage(work.trained.share()) << " of the backbone's";
    stream << ", " << grouped(work.examples) << " examples, " << grouped(work.updates) << " updates";
    if (const auto saved = estimate.saved(work); saved > 0) stream << " (goes on after " << grouped(saved) << ")";
  } else {
    stream << " " << grouped(work.examples) << " examples";
  }
  if (work.tokens > 0) stream << ", about " << grouped(work.tokens) << " tokens";
  if (const auto seconds = estimate.seconds(work); seconds && work.state != WorkState::done)
    stream << ", about " << duration_text(*seconds);
  stream << "\n";
  if (work.state == WorkState::failed) {
    const std::string first = work.failure.substr(0, work.failure.find('\n'));
    stream << "    last attempt: " << first << "\n";
  }
}

void print_totals(const Plan& plan, Estimate& estimate, std::ostream& stream) {
  std::int64_t to_do = 0, updates = 0, bytes = 0;
  double seconds = 0;
  std::int64_t known_steps = 0;
  for (const auto& work : plan.works) {
    if (work.state == WorkState::done) continue;
    ++to_do;
    if (work.step.verb == "train") updates += work.updates - estimate.saved(work);
    bytes = std::max(bytes, weight_bytes(work));
    const auto known = estimate.seconds(work);
    known_steps += known.has_value();
    seconds += known.value_or(0);
  }
  stream << "\n" << to_do << " of " << counted(plan.works.size(), "step") << " to do";
  if (to_do > 0) {
    stream << ", " << grouped(updates) << " updates\n";
    if (bytes > 0) stream << "memory: the weights take " << memory_text(bytes) << "; activations are not counted\n";
    stream << "time: ";
    if (known_steps == 0)
      stream << "no estimate; no step of these kinds, with this backbone, has been finished here on this device";
    else
      stream << "about " << duration_text(seconds)
             << (known_steps < to_do ? " for " + std::to_string(known_steps) + " of them, no estimate for the others"
                                     : "")
             << "; from the tokens a second of " << counted(static_cast<std::size_t>(estimate.steps()), "finished step")
             << " with the same backbone on this device";
  }
  stream << "\n";
}

Value work_json(const Work& work, Estimate& estimate) {
  Value value = Value::map();
  value.set("id", work.id);
  value.set("name", work.step.name);
  value.set("title", work.title());
  value.set("task", task_names(work));
  value.set("verb", work.step.verb);
  value.set("state", state_name(work.state));
  value.set("method", work.step.method ? Value(work.step.method->name) : Value());
  value.set("trained_parameters", work.trained.parameters);
  value.set("trained_parameters_per_task", work.trained.parameters_per_task);
  value.set("trained_share", work.trained.share());
  value.set("backbone_parameters", work.trained.backbone_parameters);
  value.set("examples", work.examples);
  value.set("updates", work.updates);
  value.set("saved_updates", estimate.saved(work));
  value.set("tokens", work.tokens);
  const auto seconds = estimate.seconds(work);
  value.set("estimated_seconds", seconds ? Value(*seconds) : Value());
  value.set("weight_bytes", weight_bytes(work));
  return value;
}

}  // namespace

std::optional<MeasuredSpeed> measured_speed(const std::string& out, const std::string& verb, const std::string& device,
                                            std::int64_t backbone_parameters) {
  double seconds = 0, tokens = 0;
  MeasuredSpeed speed;
  boost::system::error_code error;
  for (const auto& entry : fs::directory_iterator(out + "/steps", error)) {
    const StepFolder folder(out, entry.path().filename().string());
    if (!folder.finished()) continue;
    const auto run = folder.run_record();
    if (!run || text_in(*run, "device") != device || number_in(*run, "tokens") <= 0) continue;
    try {
      const Value result = folder.result();
      if (text_in(result, "verb") != verb || integer_in(result, "backbone_parameters") != backbone_parameters) continue;
      seconds += number_in(*run, "seconds");
      tokens += number_in(*run, "tokens");
      ++speed.steps;
    } catch (const Error&) {  // a damaged result is nothing to learn from
    }
  }
  if (seconds <= 0) return std::nullopt;
  speed.tokens_per_second = tokens / seconds;
  return speed;
}

void print_plan(const Plan& plan, const std::string& out, const std::string& device, std::ostream& stream) {
  Estimate estimate(out, device);
  stream << plan.name << ": " << counted(plan.trials.size(), "trial") << ", " << counted(plan.works.size(), "step")
         << (plan.trials.size() > 1 ? ", each computed once\n" : "\n");
  std::vector<bool> shown(plan.works.size(), false);
  for (std::size_t trial = 0; trial < plan.trials.size(); ++trial) {
    const std::string name = plan.trials[trial].name();
    if (!name.empty()) stream << "\n" << name << "\n";
    for (const auto& step : plan.trial_steps[trial]) {
      if (shown[step.work])
        stream << "  " << step.title() << ": as above\n";
      else
        print_work(plan.works[step.work], estimate, stream);
      shown[step.work] = true;
    }
  }
  for (const auto& report : plan.reports) {
    stream << (plan.trials.size() > 1 ? "\n" : "") << "  " << std::left << std::setw(26) << report.step.name << ' '
           << std::setw(9) << "report" << ' ' << std::setw(10)
           << (report_is_written(plan, report, out) ? "done" : "to do") << std::right << " over "
           << report.results.size() << " results\n";
  }
  print_totals(plan, estimate, stream);
  for (const auto& note : plan.notes) stream << "note: " << note << "\n";
}

Value plan_json(const Plan& plan, const std::string& out, const std::string& device) {
  Estimate estimate(out, device);
  Value document = Value::map();
  document.set("recipe", plan.name);
  Value& trials = document.set("trials", Value::list());
  for (std::size_t i = 0; i < plan.trials.size(); ++i) {
    Value trial = Value::map();
    trial.set("name", plan.trials[i].name());
    Value& labels = trial.set("labels", Value::map());
    for (const auto& [axis, label] : plan.trials[i].labels) labels.set(axis, label);
    Value& steps = trial.set("steps", Value::list());
    for (const auto& step : plan.trial_steps[i]) steps.push_back(plan.works[step.work].id);
    trials.push_back(std::move(trial));
  }
  Value& steps = document.set("steps", Value::list());
  for (const auto& work : plan.works) steps.push_back(work_json(work, estimate));
  for (const auto& report : plan.reports) {
    Value value = Value::map();
    value.set("id", report_id(plan, report));
    value.set("name", report.step.name);
    value.set("title", report.step.name);
    value.set("task", "");
    value.set("verb", "report");
    value.set("state", report_is_written(plan, report, out) ? "done" : "to do");
    steps.push_back(std::move(value));
  }
  Value& notes = document.set("notes", Value::list());
  for (const auto& note : plan.notes) notes.push_back(note);
  return document;
}

}  // namespace atp
