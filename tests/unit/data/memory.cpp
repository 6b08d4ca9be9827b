// What reading and tokenising takes of memory, told by processes of their own: this program, started again for one test
// case that is left out otherwise.
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>
#include <tuple>

#include "data/task_data.h"
#include "data/tokenised.h"
#include "tests/unit/data/fixture.h"

extern char** environ;

using namespace atp;
using test::Folder;

namespace {

constexpr const char* folder_variable = "ATP_TEST_MEMORY";  // where the data is, and where the answer goes

std::size_t peak_memory() {  // of this program alone: what counts for a process began before it was started
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  FAIL("no VmHWM in /proc/self/status");
  return 0;
}

// Rows of 100 words, all different; the file's size.
std::size_t write_rows(const std::string& path, int count) {
  std::ofstream file(path);
  for (int i = 0; i < count; ++i) {
    file << "{\"text\": \"";
    for (int word = 0; word < 100; ++word) file << " word" << (i * 31 + word * 7) % 1000 + 1000;
    file << "\", \"kind\": \"" << i % 2 << "\"}\n";
  }
  return static_cast<std::size_t>(file.tellp());
}

// The peak of a process that reads and tokenises `count` such rows, and the size of their file.
std::pair<std::size_t, std::size_t> measured(int count) {
  const Folder folder;
  const std::size_t size = write_rows(folder.path("train.jsonl"), count);
  ::setenv(folder_variable, folder.path().c_str(), 1);
  std::string program = "/proc/self/exe", only = "--test-case=(a process of its own) *", all = "--no-skip";
  char* arguments[] = {program.data(), only.data(), all.data(), nullptr};
  pid_t child = 0;
  REQUIRE(::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::unsetenv(folder_variable);
  REQUIRE(status == 0);
  return {std::stoul(read_file(folder.path("peak"))), size};
}

}  // namespace

TEST_CASE("(a process of its own) reads and tokenises the rows that it finds" * doctest::skip()) {
  const char* folder = std::getenv(folder_variable);
  REQUIRE(folder);
  TextTask task;
  task.name = "long";
  task.files = jsonl({{"train", "train.jsonl"}});
  task.metrics = {"accuracy"};
  task.labels = {{"0", "0"}, {"1", "1"}};
  task.render = [](const Row& row) { return Example{.source = row["text"], .target = row["kind"]}; };
  const std::string root = folder;
  TaskSettings settings{.root = root};
  settings.cache = {root + "/cache", "", [](const std::string&) { return std::string("the same file"); }};
  const auto tokenizer = Tokenizer::open(tests::in_source_tree("/core/share/tokenizer/spiece.model"));
  const TaskData data(task, settings);
  const auto rows = tokenise(data.split("train"), *tokenizer, {4096, 8}, root + "/cache");
  CHECK(rows->source(0).size() > 100);
  std::ofstream(root + "/peak") << peak_memory();
}

// Texts and ids go through buffers to the disk, and what is mapped is given back. What grows is an entry of 40 bytes
// for each example, an index of 8 for its place in the split and two of 8 for the ends of its ids, all in vectors that
// double: at most three times 64 bytes. The rest is what an allocator rounds up. The fewer rows are still as many as
// are tokenised at once (16 threads, 128 rows each).
TEST_CASE("memory does not grow with the rows' texts, but with their number alone") {
  constexpr int few = 2500, many = 10 * few;
  std::size_t small_peak, small_file, large_peak, large_file;  // clang 14 lets no lambda see structured bindings
  std::tie(small_peak, small_file) = measured(few);
  std::tie(large_peak, large_file) = measured(many);
  CAPTURE(small_peak);
  CAPTURE(large_peak);
  CAPTURE(large_file);
  const std::size_t index = 3 * 64 * (many - few), rounding = std::size_t{3} << 20;
  CHECK(large_file - small_file > 2 * (index + rounding));
  CHECK(large_peak < small_peak + index + rounding);
}
