#include "report/report.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cmath>
#include <cstdio>
#include <set>

#include "atp/words.h"
#include "io/durable_file.h"
#include "recipe/faults.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

using Names = std::vector<std::string>;

std::string printed(const char* form, double number) {
  char text[64];
  std::snprintf(text, sizeof text, form, number);
  return text;
}

// A text or a list of texts.
Names names_at(const Step& step, const std::string& key) {
  const Value* value = step_value(step, key);
  if (!value || value->is_null()) return {};
  if (!value->is_list()) return {value->scalar_text()};
  Names names;
  for (const auto& item : value->items()) names.push_back(item.scalar_text());
  return names;
}

std::size_t place_of(std::vector<Names>& known, const Names& wanted) {
  const auto found = std::find(known.begin(), known.end(), wanted);
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  known.push_back(wanted);
  return known.size() - 1;
}

Names values_of(const ScoreRecord& record, const Names& names) {
  Names values;
  for (const auto& name : names) {
    const auto value = record.coordinates.find(name);
    values.push_back(value == record.coordinates.end() ? "" : value->second);
  }
  return values;
}

std::string cell_text(const Cell& cell) {
  if (cell.runs == 0) return "–";
  std::string text = printed("%.1f", cell.mean);
  if (cell.runs > 1) text += printed(" ± %.1f", cell.deviation);
  return cell.missing > 0 ? text + " *" : text;
}

// In a Markdown cell a bar would end it.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '|' || letter == '\\') result += '\\';
    result += letter == '\n' ? ' ' : letter;
  }
  return result;
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"') result += '"';
    result += letter;
  }
  return result + "\"";
}

std::string runs_note(const Table& table) {
  std::int64_t fewest = INT64_MAX, most = 0, missing = 0;
  for (const auto& [place, cell] : table.cells) {
    fewest = std::min(fewest, cell.runs + cell.missing);
    most = std::max(most, cell.runs + cell.missing);
    missing += cell.missing;
  }
  if (table.cells.empty()) return "No results.";
  std::string note = most == 1 ? "Each number is one run."
                     : fewest == most
                         ? "Each number is the mean ± sample standard deviation of " + std::to_string(most) + " runs."
                         : "Each number is the mean ± sample standard deviation of " + std::to_string(fewest) + " to " +
                               std::to_string(most) + " runs.";
  if (!table.mixed.empty()) {
    Names axes;
    for (const auto& [name, values] : table.mixed)
      axes.push_back(name + " (" + joined({values.begin(), values.end()}) + ")");
    note += " In each run it is the mean over " + joined(axes, "; ") + ".";
  }
  if (missing > 0) note += " –: no run finished; *: the mean of those that did.";
  return note;
}

// The axes of the sweep that a report may name.
Names axes_of(const Plan& plan) {
  Names axes;
  for (const auto& trial : plan.trials)
    for (const auto& [axis, label] : trial.labels)
      if (!std::count(axes.begin(), axes.end(), axis)) axes.push_back(axis);
  return axes;
}

Names rows_of(const Plan& plan, const Step& step) {
  Names rows = names_at(step, "rows");
  if (!rows.empty()) return rows;
  for (const auto& axis : axes_of(plan))
    if (axis != "seed") rows.push_back(axis);
  return rows.empty() ? Names{"step"} : rows;
}

ScoreRecord record_of(const Plan& plan, std::size_t trial, const TrialStep& step) {
  const Work& work = plan.works[step.work];
  const Step& model = model_of(work, plan).step;
  ScoreRecord record;
  record.trial = trial;
  for (const auto& [axis, label] : plan.trials[trial].labels) record.coordinates[axis] = label;
  record.coordinates.emplace("step", step.name);
  record.coordinates.emplace("method", model.method ? model.method->name : "none");
  record.coordinates.emplace("combiner", model.combiner ? model.combiner->name : "none");
  record.coordinates.emplace("split", work.step.verb == "train" ? "validation" : splits_of(work.step).front());
  return record;
}

// What a result is called among a step's: by the item of `each` that it was made for, which tells two of one task apart
// (the same task with other options), or, where a step scores several tasks, by the task.
std::string task_label(const Work& work, const TrialStep& step, const TaskUse& task) {
  const bool transfer = work.step.verb == "evaluate" && step_value(work.step, "tasks");
  return step.item.empty() || work.tasks.size() > 1 || transfer ? task.name : step.item;
}

// The metrics that a report shows of a task: those that it names, else the task's first.
Names metrics_of(const TaskUse& task, const Names& wanted) {
  const Names& known = task.data->task().metrics;
  if (wanted.empty()) return known.empty() ? Names{} : Names{known.front()};
  Names metrics;
  for (const auto& metric : wanted)
    if (std::count(known.begin(), known.end(), metric)) metrics.push_back(metric);
  return metrics;
}

std::optional<double> score_in(const std::optional<Value>& result, const std::string& task, const std::string& metric) {
  const Value* tasks = result ? result->find("task_scores") : nullptr;
  const Value* scores = tasks ? tasks->find(task) : nullptr;
  const Value* score = scores ? scores->find(metric) : nullptr;
  return score && score->is_number() ? std::optional(score->number()) : std::nullopt;
}

std::vector<ScoreRecord> records_of(const Plan& plan, const ReportWork& report, const std::string& out) {
  const Names wanted = names_at(report.step, "metrics");
  std::vector<ScoreRecord> records;
  for (const auto& [trial, step] : report.results) {
    const Work& work = plan.works[step.work];
    const StepFolder folder(out, work.id);
    std::optional<Value> result;
    if (folder.finished()) result = folder.result();
    for (const auto& task : work.tasks)
      for (const auto& metric : metrics_of(*task, wanted)) {
        ScoreRecord record = record_of(plan, trial, step);
        record.coordinates.emplace("task", task_label(work, step, *task));
        record.coordinates.emplace("metric", metric);
        record.result = work.id;
        record.score = score_in(result, task->name, metric);
        records.push_back(std::move(record));
      }
  }
  return records;
}

std::string report_file(const Plan& plan, const ReportWork& report, const std::string& out, const char* ending) {
  return out + "/" + plan.name + "/" + file_name_of(report.step.name) + ending;
}

// A table over random weights must not be mistaken for a finding.
std::string weights_note(const Plan& plan, const ReportWork& report) {
  const bool random = std::any_of(report.results.begin(), report.results.end(), [&](const auto& result) {
    return plan.works[result.second.work].checkpoint.folder.empty();
  });
  return random ? "\nThe backbone has random weights: this shows that the machinery works, and nothing about the "
                  "methods.\n"
                : "";
}

// Which results reproduce faults of the released code, by their trials and steps where not all do.
std::string faults_note(const Plan& plan, const ReportWork& report) {
  std::map<std::string, std::vector<std::string>> trials;  // by the faults
  const bool has_steps = std::any_of(report.results.begin(), report.results.end(), [&](const auto& result) {
    return result.second.name != report.results.front().second.name;
  });
  for (const auto& [trial, step] : report.results) {
    const Work& work = plan.works[step.work];
    auto faults = faults_in(work.step);
    for (const auto& fault : faults_in(model_of(work, plan).step))
      if (!std::count(faults.begin(), faults.end(), fault)) faults.push_back(fault);
    std::sort(faults.begin(), faults.end());
    auto& named = trials[joined(faults, ", ")];
    const std::string of_trial = plan.trials[trial].name();
    const std::string name = of_trial.empty() ? step.name : has_steps ? of_trial + " " + step.name : of_trial;
    if (!std::count(named.begin(), named.end(), name)) named.push_back(name);
  }
  std::string note;
  for (const auto& [faults, names] : trials) {
    if (faults.empty()) continue;
    const std::string whose = trials.size() == 1 ? "all results" : joined(names, "; ");
    note += "\n- " + whose + ": " + faults;
  }
  return note.empty() ? "" : "\nWith faults of the released code (compat: attempt-b5121e5):\n" + note + "\n";
}

std::string report_markdown(const Plan& plan, const ReportWork& report, const Table& table) {
  std::string title = plan.name + ": " + report.step.name;
  return markdown(table, title) + faults_note(plan, report) + weights_note(plan, report);
}

bool says(const std::string& path, const std::string& text) {
  boost::system::error_code error;
  return fs::is_regular_file(path, error) && read_file(path) == text;
}

}  // namespace

Table make_table(const std::vector<ScoreRecord>& records, const Names& rows, const Names& columns) {
  Table table;
  table.row_names = rows;
  table.column_names = columns;
  // Within a trial first: the spread that is shown is the one between runs, not the one between tasks.
  std::map<std::pair<std::size_t, std::size_t>, std::map<std::size_t, std::vector<const ScoreRecord*>>> scores;
  for (const auto& record : records) {
    const std::size_t row = place_of(table.rows, values_of(record, rows));
    const std::size_t column = place_of(table.columns, values_of(record, columns));
    scores[{row, column}][record.trial].push_back(&record);
  }
  const auto note_mixed = [&](const std::vector<const ScoreRecord*>& parts) {
    for (const auto& [name, value] : parts.front()->coordinates)
      for (const ScoreRecord* part : parts)
        if (part->coordinates.at(name) != value) table.mixed[name].insert({value, part->coordinates.at(name)});
  };
  for (const auto& [place, trials] : scores) {
    Cell& cell = table.cells[place];
    std::vector<double> means;
    std::set<Names> counted;
    for (const auto& [trial, parts] : trials) {
      note_mixed(parts);
      Names results;
      double sum = 0;
      bool whole = true;
      for (const ScoreRecord* part : parts) {
        results.push_back(part->result);
        whole = whole && part->score.has_value();
        sum += part->score.value_or(0);
      }
      if (!counted.insert(results).second) continue;
      if (whole)
        means.push_back(sum / static_cast<double>(parts.size()));
      else
        ++cell.missing;
    }
    cell.runs = static_cast<std::int64_t>(means.size());
    for (const double mean : means) cell.mean += mean / static_cast<double>(means.size());
    for (const double mean : means) cell.deviation += (mean - cell.mean) * (mean - cell.mean);
    cell.deviation = means.size() > 1 ? std::sqrt(cell.deviation / static_cast<double>(means.size() - 1)) : 0;
  }
  return table;
}

namespace {

std::string heading(const Names& column) {
  Names said = column;
  while (said.size() > 1 && said.back().empty()) said.pop_back();  // of the average
  return said.empty() ? "score" : joined(said, " · ");
}

}  // namespace

std::string markdown(const Table& table, const std::string& title) {
  std::string text = "# " + title + "\n\n|";
  for (const auto& name : table.row_names) text += " " + escaped(name) + " |";
  for (const auto& column : table.columns) text += " " + escaped(heading(column)) + " |";
  text += "\n|";
  for (std::size_t i = 0; i < table.row_names.size(); ++i) text += "---|";
  for (std::size_t i = 0; i < table.columns.size(); ++i) text += "---:|";
  text += "\n";
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    text += "|";
    for (const auto& value : table.rows[row]) text += " " + escaped(value) + " |";
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const auto cell = table.cells.find({row, column});
      text += " " + (cell == table.cells.end() ? std::string() : cell_text(cell->second)) + " |";
    }
    text += "\n";
  }
  return text + "\n" + runs_note(table) + "\n";
}

std::string csv(const Table& table) {
  std::string text;
  for (const Names* names : {&table.row_names, &table.column_names})
    for (const auto& name : *names) text += quoted(name) + ",";
  text += "mean,deviation,runs,missing\n";
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      const auto found = table.cells.find({row, column});
      if (found == table.cells.end()) continue;
      const Cell& cell = found->second;
      for (const auto& value : table.rows[row]) text += quoted(value) + ",";
      for (const auto& value : table.columns[column]) text += quoted(value) + ",";
      text += (cell.runs > 0 ? Value(cell.mean).scalar_text() : "") + "," +
              (cell.runs > 1 ? Value(cell.deviation).scalar_text() : "") + "," + std::to_string(cell.runs) + "," +
              std::to_string(cell.missing) + "\n";
    }
  return text;
}

void add_average(Table& table, const std::vector<ScoreRecord>& records) {
  const Table averages = make_table(records, table.row_names, {});
  Names label(table.column_names.size());
  if (label.empty()) return;  // the scores are averages over everything already
  label.front() = "average";
  table.columns.push_back(label);
  for (const auto& [place, cell] : averages.cells) table.cells[{place.first, table.columns.size() - 1}] = cell;
}

Table report_table(const Plan& plan, const ReportWork& report, const std::string& out) {
  const auto records = records_of(plan, report, out);
  Table table = make_table(records, rows_of(plan, report.step), names_at(report.step, "columns"));
  const Value* average = step_value(report.step, "average");
  if (average && average->is_boolean() && average->boolean()) add_average(table, records);
  return table;
}

std::string write_report(const Plan& plan, const ReportWork& report, const std::string& out) {
  const Table table = report_table(plan, report, out);
  const std::string text = report_markdown(plan, report, table);
  boost::system::error_code error;
  fs::create_directories(out + "/" + plan.name, error);
  for (const auto& [ending, contents] : {std::pair{".md", text}, std::pair{".csv", csv(table)}}) {
    const std::string path = report_file(plan, report, out, ending);
    if (!says(path, contents)) write_durably(path, contents);
  }
  return text;
}

bool report_is_written(const Plan& plan, const ReportWork& report, const std::string& out) {
  for (const auto& [trial, step] : report.results)
    if (plan.works[step.work].state != WorkState::done) return false;
  const Table table = report_table(plan, report, out);
  return says(report_file(plan, report, out, ".md"), report_markdown(plan, report, table)) &&
         says(report_file(plan, report, out, ".csv"), csv(table));
}

std::string report_id(const Plan& plan, const ReportWork& report) {
  std::string text = plan.name + "\n" + report.step.name + "\n" + canonical_json(report.step.settings.values());
  for (const auto& [trial, step] : report.results) text += "\n" + step.title() + " " + plan.works[step.work].id;
  return text_digest(text);
}

}  // namespace atp
