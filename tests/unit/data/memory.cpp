// What reading and tokenising takes of memory, told by processes of their own: this program, started again for one test
// case that is left out otherwise.
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>
#include <tuple>

#include "data/task_data.h"
#include "data/tokenised.h"
#include "tests/unit/data/packing.h"

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

std::string words(int i, int count) {
  std::string text;
  for (int word = 0; word < count; ++word) text += " word" + std::to_string((i * 31 + word * 7) % 1000 + 1000);
  return text;
}

// Rows of 100 words, all different; the file's size.
std::size_t write_rows(const Folder& folder, int count) {
  std::ofstream file(folder.path("train.jsonl"));
  for (int i = 0; i < count; ++i) file << "{\"text\": \"" << words(i, 100) << "\", \"kind\": \"" << i % 2 << "\"}\n";
  return static_cast<std::size_t>(file.tellp());
}

// Documents of 600 words in an archive, listed from its last to its first.
std::size_t write_documents(const Folder& folder, int count) {
  std::vector<test::Packed> documents;
  std::string list;
  for (int i = 0; i < count; ++i) {
    documents.push_back({"docs/document-" + std::to_string(i) + ".txt", words(i, 600)});
    list.insert(0, "document-" + std::to_string(i) + ".txt\n");
  }
  folder.write("train.txt", list);
  return std::filesystem::file_size(test::pack(folder, "docs.tar", documents));
}

// The peak of a process that runs the test case with this in its name for `count` such rows, and the size of their
// file.
std::pair<std::size_t, std::size_t> measured(const std::string& what, int count,
                                             std::size_t (*write)(const Folder& folder, int count)) {
  const Folder folder;
  const std::size_t size = write(folder, count);
  ::setenv(folder_variable, folder.path().c_str(), 1);
  std::string program = "/proc/self/exe", only = "--test-case=(a process of its own) " + what + "*", all = "--no-skip";
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

TEST_CASE("(a process of its own) puts documents into the order of their list" * doctest::skip()) {
  const char* folder = std::getenv(folder_variable);
  REQUIRE(folder);
  const std::string root = folder;
  TextTask task;
  task.name = "long";
  task.files = {.format = Files::Format::texts,
                .splits = {{.name = "train", .paths = {"docs"}, .lists = {"train.txt"}}},
                .archives = {"docs"}};
  task.metrics = {"accuracy"};
  task.render = [](const Row& row) { return Example{.source = row["text"], .target = row["name"]}; };
  TaskSettings settings{.root = root};
  settings.cache = {root + "/cache", "", [](const std::string&) { return std::string("the same file"); }};
  const TaskData data(task, settings);
  const auto split = data.split("train");
  CHECK(split[split.size() - 1].target == "document-0.txt");
  std::ofstream(root + "/peak") << peak_memory();
}

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

#if defined(ATP_SANITIZED)
constexpr bool keeps_freed_memory = true;  // the sanitizer does, to find who uses it
#else
constexpr bool keeps_freed_memory = false;
#endif

// Texts and ids go through buffers to the disk, and what is mapped is given back. What grows is an entry of 40 bytes
// for each example, an index of 8 for its place in the split and two of 8 for the ends of its ids, all in vectors that
// double: at most three times 64 bytes. The rest is what an allocator rounds up. The fewer rows are still as many as
// are tokenised at once (16 threads, 128 rows each).
TEST_CASE("memory does not grow with the rows' texts, but with their number alone" *
          doctest::skip(keeps_freed_memory)) {
  constexpr int few = 2500, many = 10 * few;
  std::size_t small_peak, small_file, large_peak, large_file;  // clang 14 lets no lambda see structured bindings
  std::tie(small_peak, small_file) = measured("reads", few, write_rows);
  std::tie(large_peak, large_file) = measured("reads", many, write_rows);
  CAPTURE(small_peak);
  CAPTURE(large_peak);
  CAPTURE(large_file);
  const std::size_t index = 3 * 64 * (many - few), rounding = std::size_t{3} << 20;
  CHECK(large_file - small_file > 2 * (index + rounding));
  CHECK(large_peak < small_peak + index + rounding);
}

// For each document its name in the list, in a table of the names and in the archive's, where it lies and where it was
// put by, and its entry of 40 bytes among the examples: less than 400 bytes, of which vectors that double take twice.
TEST_CASE("memory does not grow with the texts of documents that come in another order than their list's" *
          doctest::skip(keeps_freed_memory)) {
  constexpr int few = 1000, many = 10 * few;
  std::size_t small_peak, small_file, large_peak, large_file;
  std::tie(small_peak, small_file) = measured("puts", few, write_documents);
  std::tie(large_peak, large_file) = measured("puts", many, write_documents);
  CAPTURE(small_peak);
  CAPTURE(large_peak);
  const std::size_t index = 2 * 400 * (many - few), rounding = std::size_t{3} << 20;
  CHECK(large_file - small_file > 4 * (index + rounding));
  CHECK(large_peak < small_peak + index + rounding);
}
