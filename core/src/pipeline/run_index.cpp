#include "pipeline/run_index.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <iomanip>
#include <ostream>
#include <tuple>

#include "atp/error.h"
#include "atp/log.h"
#include "atp/value.h"
#include "pipeline/record.h"
#include "pipeline/step_folder.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

constexpr int busy_milliseconds = 20000;
constexpr int sqlite_error = 1, sqlite_corrupt = 11, sqlite_not_a_database = 26;  // sqlite.org/rescode.html

constexpr const char* schema = R"(
  CREATE TABLE runs (
    recipe TEXT, trial TEXT, step TEXT, id TEXT, verb TEXT, task TEXT, metric TEXT, score REAL, updates INTEGER,
    trained_parameters INTEGER, seconds REAL, device TEXT, finished TEXT, place INTEGER,
    PRIMARY KEY (recipe, trial, step, task, metric)))";

// One process at a time looks after the file itself: makes it, finds it damaged, replaces it.
class FileLock {
 public:
  explicit FileLock(const std::string& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ >= 0) ::flock(descriptor_, LOCK_EX);
  }
  ~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

// Or another program's: a full disk and a lock that is held are no damage.
bool is_damaged(const SQLite::Exception& error) {
  const int code = error.getErrorCode();
  return code == sqlite_not_a_database || code == sqlite_corrupt || code == sqlite_error;
}

void remove_database(const std::string& path) {
  for (const char* ending : {"", "-journal", "-wal", "-shm"}) fs::remove(path + ending);
}

SQLite::Database open_database(const std::string& path) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, busy_milliseconds);
  try {
    database.exec("PRAGMA journal_mode = WAL");
  } catch (const SQLite::Exception& error) {
    if (is_damaged(error)) throw;
  }
  return database;
}

void insert_rows(SQLite::Database& database, const std::vector<RunRow>& rows) {
  SQLite::Statement insert(database, "INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  int place = 0;
  for (const auto& row : rows) {
    insert.bind(1, row.recipe);
    insert.bind(2, row.trial);
    insert.bind(3, row.step);
    insert.bind(4, row.id);
    insert.bind(5, row.verb);
    insert.bind(6, row.task);
    insert.bind(7, row.metric);
    insert.bind(8, row.score);
    insert.bind(9, row.updates);
    insert.bind(10, row.trained_parameters);
    insert.bind(11, row.seconds);
    insert.bind(12, row.device);
    insert.bind(13, row.finished);
    insert.bind(14, place++);
    insert.exec();
    insert.reset();
  }
}

// As one act: rows of all folders where the index is new, then these.
void add_rows(SQLite::Database& database, const std::string& out, const std::vector<RunRow>& rows) {
  SQLite::Transaction transaction(database);
  if (!database.tableExists("runs")) {
    database.exec(schema);
    insert_rows(database, collect_runs(out));
  }
  insert_rows(database, rows);
  transaction.commit();
}

std::vector<RunRow> read_rows(SQLite::Database& database) {
  SQLite::Statement query(database,
                          "SELECT recipe, trial, step, id, verb, task, metric, score, updates, trained_parameters, "
                          "seconds, device, finished FROM runs ORDER BY recipe, trial, step, task, place");
  std::vector<RunRow> rows;
  while (query.executeStep()) {
    RunRow row;
    std::string* const texts[] = {&row.recipe, &row.trial, &row.step, &row.id, &row.verb, &row.task, &row.metric};
    for (int i = 0; i < 7; ++i) *texts[i] = query.getColumn(i).getString();
    row.score = query.getColumn(7).getDouble();
    row.updates = query.getColumn(8).getInt64();
    row.trained_parameters = query.getColumn(9).getInt64();
    row.seconds = query.getColumn(10).getDouble();
    row.device = query.getColumn(11).getString();
    row.finished = query.getColumn(12).getString();
    rows.push_back(std::move(row));
  }
  return rows;
}

// The step folder's name behind a link for people, "" where it is none.
std::string linked_id(const fs::path& path) {
  boost::system::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  return error || target.parent_path().filename() != "steps" ? "" : target.filename().string();
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  boost::system::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().filename().string().front() != '.') paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

void collect_folder(const std::string& out, const fs::path& folder, const std::string& recipe, const std::string& trial,
                    std::vector<RunRow>& rows) {
  for (const auto& path : sorted_entries(folder)) {
    const std::string id = linked_id(path);
    if (!id.empty()) {
      auto found = rows_of_step(out, id, recipe, trial, path.filename().string());
      rows.insert(rows.end(), found.begin(), found.end());
    } else if (trial.empty() && fs::is_directory(path) && !fs::is_symlink(path)) {
      collect_folder(out, path, recipe, path.filename().string(), rows);
    }
  }
}

}  // namespace

std::vector<RunRow> rows_of_step(const std::string& out, const std::string& id, const std::string& recipe,
                                 const std::string& trial, const std::string& step) {
  const StepFolder folder(out, id);
  std::vector<RunRow> rows;
  if (!folder.finished()) return rows;
  Value result;
  try {
    result = folder.result();
  } catch (const Error&) {
    return rows;  // a damaged result is the plan's to report
  }
  const Value run = folder.run_record().value_or(Value::map());
  RunRow row;
  row.recipe = recipe;
  row.trial = trial.empty() ? "" : file_name_of(trial);
  row.step = step;
  row.id = id;
  row.verb = text_in(result, "verb");
  row.updates = integer_in(result, "updates");
  row.trained_parameters = integer_in(result, "trained_parameters");
  row.seconds = number_in(run, "seconds");
  row.device = text_in(run, "device");
  row.finished = text_in(run, "finished");
  const Value* tasks = said_in(result, "task_scores");
  if (!tasks || !tasks->is_map()) return rows;
  for (const auto& [task, scores] : tasks->members())
    for (const auto& [metric, score] : scores.members()) {
      row.task = task;
      row.metric = metric;
      row.score = score.is_number() ? score.number() : 0;
      rows.push_back(row);
    }
  return rows;
}

std::vector<RunRow> collect_runs(const std::string& out) {
  std::vector<RunRow> rows;
  for (const auto& path : sorted_entries(out))
    if (path.filename() != "steps" && path.filename() != "cache" && fs::is_directory(path))
      collect_folder(out, path, path.filename().string(), "", rows);
  return rows;
}

RunIndex::RunIndex(std::string out) : out_(std::move(out)), path_(out_ + "/atp.sqlite") {}

void RunIndex::add(const std::vector<RunRow>& rows) try {
  const FileLock lock(out_ + "/steps/.index.lock");
  try {
    auto database = open_database(path_);
    return add_rows(database, out_, rows);
  } catch (const SQLite::Exception& error) {
    if (!is_damaged(error)) throw;
    log::warn(path_ + ": the index is damaged (" + error.what() + "); it is made again from the results' folders");
    remove_database(path_);
  }
  auto database = open_database(path_);
  add_rows(database, out_, rows);
} catch (const std::exception& error) {
  log::warn(path_ + ": the index cannot be written (" + error.what() + "); the results themselves are not touched");
}

void RunIndex::rebuild() try {
  const FileLock lock(out_ + "/steps/.index.lock");
  remove_database(path_);
  auto database = open_database(path_);
  add_rows(database, out_, {});
} catch (const SQLite::Exception& error) {
  throw Error(path_ + ": the index cannot be made: " + error.what());
} catch (const fs::filesystem_error& error) {
  throw Error(path_ + ": the index cannot be made: " + error.code().message());
}

std::vector<RunRow> RunIndex::rows() {
  if (!fs::is_directory(out_)) throw Error(out_ + ": no such folder; --out DIR names the one that results are in");
  try {
    if (fs::exists(path_)) {
      auto database = open_database(path_);
      return read_rows(database);
    }
  } catch (const SQLite::Exception&) {
  }
  try {
    rebuild();
    auto database = open_database(path_);
    return read_rows(database);
  } catch (const std::exception&) {  // a folder that is only to be read
    return collect_runs(out_);
  }
}

void print_runs(const std::vector<RunRow>& rows, bool json, std::ostream& out) {
  if (json) {
    Value list = Value::list();
    for (const auto& row : rows) {
      Value value = Value::map();
      value.set("recipe", row.recipe);
      value.set("trial", row.trial);
      value.set("step", row.step);
      value.set("id", row.id);
      value.set("verb", row.verb);
      value.set("task", row.task);
      value.set("metric", row.metric);
      value.set("score", row.score);
      value.set("updates", row.updates);
      value.set("trained_parameters", row.trained_parameters);
      value.set("seconds", row.seconds);
      value.set("device", row.device);
      value.set("finished", row.finished);
      list.push_back(std::move(value));
    }
    out << to_json(list, 2) << "\n";
    return;
  }
  if (rows.empty()) out << "nothing has been finished here yet\n";
  const RunRow* last = nullptr;
  for (const auto& row : rows) {
    if (!last || last->recipe != row.recipe || last->trial != row.trial)
      out << row.recipe << (row.trial.empty() ? "" : " · " + row.trial) << "\n";
    out << "  " << std::left << std::setw(28) << row.step << std::setw(18) << row.task << std::setw(14) << row.metric
        << std::right << std::fixed << std::setprecision(1) << std::setw(6) << row.score << "  " << row.finished << "  "
        << row.id.substr(0, 12) << "\n";
    last = &row;
  }
}

}  // namespace atp
