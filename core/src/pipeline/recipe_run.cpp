#include "pipeline/recipe_run.h"

#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <memory>
#include <ostream>

#include "atp/log.h"
#include "pipeline/plan.h"
#include "pipeline/plan_text.h"
#include "pipeline/progress.h"
#include "pipeline/runner.h"
#include "pipeline/stop_signal.h"
#include "pipeline/workshop.h"
#include "report/report.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

std::vector<ExplicitPlugin> explicit_plugins(const Value& recipe) {
  Problems problems;
  std::vector<ExplicitPlugin> plugins;
  for (const auto& plugin : plugin_paths(recipe, problems)) plugins.push_back({plugin.path, plugin.origin});
  problems.throw_if_any();
  return plugins;
}

bool is_to_do(const Plan& plan, const ReportWork& report, const std::string& out) {
  return !report_is_written(plan, report, out);
}

void write_reports(const Plan& plan, const RunRequest& request, RunOutcome& outcome, std::ostream& out) {
  for (const auto& report : plan.reports) try {
      const std::string text = write_report(plan, report, request.out);
      if (!request.json) out << "\n" << text;
    } catch (const Error& error) {
      log::error("'" + report.step.name + "' failed: " + error.what());
      outcome.failures.push_back({report.step.name, error.what()});
    }
}

// What is left to say after the last step: which failed (why was said when they did), what that costs, how to go on.
void print_outcome(const RunOutcome& outcome, const RunRequest& request) {
  for (const auto& failure : outcome.failures)
    log::error("failed: '" + failure.step + "'" + (failure.log.empty() ? "" : ", see " + failure.log));
  for (const auto& skipped : outcome.skipped) log::error("not run: '" + skipped + "' reads a step that failed");
  if (outcome.stopped) log::warn("stopped; to go on where it stopped: " + request.command);
}

Value outcome_json(const RunOutcome& outcome) {
  Value failures = Value::list(), skipped = Value::list();
  for (const auto& failure : outcome.failures) failures.push_back(failure.text());
  for (const auto& step : outcome.skipped) skipped.push_back(step);
  Value value = Value::map();
  value.set("status", outcome.exit_status());
  value.set("done", outcome.done);
  value.set("reused", outcome.reused);
  value.set("failures", std::move(failures));
  value.set("skipped", std::move(skipped));
  return value;
}

int explain_recipe(const std::vector<ResolvedTrial>& trials, const RunRequest& request, std::ostream& out) {
  if (request.json)
    out << to_json(explain_json(trials), 2) << "\n";
  else
    out << explain(trials);
  return 0;
}

// Everything that is wrong is said at once, the output folder's fault among it.
Plan plan_or_complain(Planner& planner, const std::vector<ResolvedTrial>& trials, const std::string& unwritable) {
  Plan plan;
  try {
    plan = planner.plan(trials);
  } catch (const Error& error) {
    throw RecipeError(error.what() + (unwritable.empty() ? "" : "\n" + unwritable));
  }
  if (!unwritable.empty()) throw RecipeError(unwritable);
  return plan;
}

// --fresh: nothing counts as done but what the same plan has redone already, in a run that did not come to its end.
void plan_afresh(Plan& plan, const std::string& out) {
  const std::string digest = plan.digest();
  std::size_t redone = 0;
  for (auto& work : plan.works) {
    const StepFolder folder(out, work.id);
    if (work.state == WorkState::done && folder.is_anew(digest)) {
      ++redone;
      continue;
    }
    work.state = folder.is_begun_anew(digest) ? WorkState::resumable : WorkState::to_do;
    work.trained = {};
    work.examples = work.updates = 0;
  }
  if (redone > 0)
    log::info("going on with the --fresh run that did not come to its end: " + std::to_string(redone) + " of " +
              counted(plan.works.size(), "step") + " redone (a run without --fresh gives it up)");
}

int show_plan(Plan& plan, Planner& planner, const Machinery& machinery, const RunRequest& request, std::ostream& out) {
  if (request.fresh) plan_afresh(plan, request.out);
  if (!plan.finished()) {
    planner.count_work(plan);
    planner.count_tokens(plan);
  }
  const std::string device = machinery.device().device;
  if (request.json)
    out << to_json(plan_json(plan, request.out, device), 2) << "\n";
  else
    print_plan(plan, request.out, device, out);
  return 0;
}

int run_plan(Plan& plan, Planner& planner, const Machinery& machinery, Console& console, const RunRequest& request,
             std::ostream& out) {
  const bool nothing_to_do = plan.finished() && !request.fresh &&
                             std::none_of(plan.reports.begin(), plan.reports.end(), [&](const ReportWork& report) {
                               return is_to_do(plan, report, request.out);
                             });
  if (request.fresh) plan_afresh(plan, request.out);
  if (!plan.finished()) planner.count_work(plan);
  for (const auto& note : plan.notes) log::warn(note);

  RunSettings settings{request.out, request.fresh};
  Runner runner(plan, planner, machinery, console, settings, stop_signal());
  RunOutcome outcome = runner.run();
  if (!outcome.stopped) write_reports(plan, request, outcome, out);
  print_outcome(outcome, request);
  if (request.json)
    out << to_json(outcome_json(outcome), 2) << "\n";
  else if (nothing_to_do && request.verbosity != Verbosity::quiet)
    out << "\nnothing to do: " << plan.name << " is finished, " << counted(plan.works.size(), "step")
        << " (--fresh redoes them)\n";
  return outcome.exit_status();
}

}  // namespace

int run_recipe(const RunRequest& request, std::ostream& out) {
  Console console(request.verbosity);
  static_cast<void>(stop_signal());
  const Value recipe = load_recipe(request.recipe, request.assignments);
  Workshop workshop(request.engine, request.libtorch, explicit_plugins(recipe), request.tasks);
  const Machinery machinery = workshop.machinery();
  const auto trials = resolve_recipe(recipe, request.only, machinery.catalogue);
  if (request.explain) return explain_recipe(trials, request, out);

  std::string unwritable;
  if (!request.dry_run || !fs::is_directory(request.out))
    try {  // a plan may be made of results that are only to be read
      require_writable(request.out);
    } catch (const Error& error) {
      unwritable = error.what();
    }
  const bool remembers = fs::is_directory(request.out);  // a plan leaves nothing behind where nothing was
  ContentDigests digests(remembers ? request.out + "/cache/digests.sqlite" : "");
  const bool keeps = !request.dry_run || (remembers && ::access(request.out.c_str(), W_OK) == 0);
  Planner planner(
      {request.recipe, request.out, request.data, request.models, keeps ? request.out + "/cache" : std::string()},
      machinery, digests);
  Plan plan = plan_or_complain(planner, trials, unwritable);
  if (request.dry_run) return show_plan(plan, planner, machinery, request, out);
  return run_plan(plan, planner, machinery, console, request, out);
}

}  // namespace atp
