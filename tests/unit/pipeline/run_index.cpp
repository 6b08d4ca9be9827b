#include "pipeline/run_index.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "pipeline/step_folder.h"
#include "temporary_folder.h"

using namespace atp;

namespace fs = std::filesystem;

namespace {

void add_result(const TemporaryFolder& out, const std::string& id, const std::string& trial, const std::string& step,
                double score) {
  const std::string number = std::to_string(score);
  out.write("steps/" + id + "/result.json", R"({"verb": "evaluate", "trained_parameters": 7, "updates": 3,
    "task_scores": {"mrpc": {"f1": )" + number + R"(, "accuracy": 50.0}}})");
  out.write("steps/" + id + "/run.json", R"({"seconds": 1.5, "device": "cpu", "finished": "2026-01-01T00:00:00Z"})");
  link_step(out.path, "recipe", trial, step, id);
}

std::string text_of(const std::vector<RunRow>& rows) {
  std::ostringstream text;
  print_runs(rows, true, text);
  return text.str();
}

}  // namespace

TEST_CASE("rows come from the folders, the primary metric first") {
  const TemporaryFolder out;
  add_result(out, "id1", "seed=1", "scores.mrpc", 80);
  const auto rows = collect_runs(out.path);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].recipe == "recipe");
  CHECK(rows[0].trial == "seed=1");
  CHECK(rows[0].step == "scores.mrpc");
  CHECK(rows[0].metric == "f1");
  CHECK(rows[0].score == 80);
  CHECK(rows[0].trained_parameters == 7);
  CHECK(rows[0].device == "cpu");
  CHECK(rows[1].metric == "accuracy");
}

TEST_CASE("the index says what the folders say: added to, made anew, missing or damaged") {
  const TemporaryFolder out;
  add_result(out, "id1", "seed=1", "scores.mrpc", 80);
  RunIndex index(out.path);
  index.add(rows_of_step(out.path, "id1", "recipe", "seed=1", "scores.mrpc"));
  add_result(out, "id2", "seed=2", "scores.mrpc", 70);
  index.add(rows_of_step(out.path, "id2", "recipe", "seed=2", "scores.mrpc"));
  add_result(out, "id3", "", "alone", 60);
  index.add(rows_of_step(out.path, "id3", "recipe", "", "alone"));
  const std::string wanted = text_of(index.rows());
  CHECK(index.rows().size() == 6);

  index.rebuild();
  CHECK(text_of(index.rows()) == wanted);
  fs::remove(out / "atp.sqlite");
  CHECK(text_of(index.rows()) == wanted);
  out.write("atp.sqlite", std::string(10000, 'x'));
  fs::remove(out / "atp.sqlite-wal");
  fs::remove(out / "atp.sqlite-shm");
  CHECK(text_of(index.rows()) == wanted);
  out.write("atp.sqlite", std::string(10000, 'x'));
  fs::remove(out / "atp.sqlite-wal");
  fs::remove(out / "atp.sqlite-shm");
  index.add({});
  CHECK(text_of(index.rows()) == wanted);
}

TEST_CASE("a result made again replaces its rows") {
  const TemporaryFolder out;
  RunIndex index(out.path);
  add_result(out, "id1", "", "scores", 80);
  index.add(rows_of_step(out.path, "id1", "recipe", "", "scores"));
  add_result(out, "id1", "", "scores", 90);
  index.add(rows_of_step(out.path, "id1", "recipe", "", "scores"));
  REQUIRE(index.rows().size() == 2);
  CHECK(index.rows()[0].score == 90);
}

TEST_CASE("several processes add to one index") {
  const TemporaryFolder out;
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const pid_t process = ::fork();
    if (process == 0) {
      for (int i = 0; i < 10; ++i) {
        const std::string name = std::to_string(child) + "-" + std::to_string(i);
        add_result(out, name, "t=" + name, "scores", 1);
        RunIndex(out.path).add(rows_of_step(out.path, name, "recipe", "t=" + name, "scores"));
      }
      ::_exit(0);
    }
    children.push_back(process);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  CHECK(RunIndex(out.path).rows().size() == 80);
}
