#include "data/tokenised.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "atp/error.h"
#include "tests/places.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const Tokenizer> tokenizer() {
  static const auto own = Tokenizer::open(tests::in_source_tree("/core/share/tokenizer/spiece.model"));
  return own;
}

std::vector<TaskExample> examples(std::size_t count) {
  std::vector<TaskExample> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i].source = "sentence number " + std::to_string(i) + std::string(i % 7, 'x');
    result[i].target = i % 2 ? "yes" : "";
  }
  return result;
}

// The examples in a store of their own, whose key says what they are.
Split split_of(const std::vector<TaskExample>& given) {
  CacheKey key;
  for (const auto& example : given) key.add(example.source), key.add(example.target);
  const auto store = example_store("", key.hash(), {}, [&](ExampleWriter& writer) {
    for (const auto& example : given) writer.add(example);
  });
  Split::Order order(given.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  return {store, order};
}

std::shared_ptr<const TokenRows> tokenise(const std::vector<TaskExample>& given, const Tokenizer& by,
                                          const TokenLengths& lengths, const std::string& cache_folder) {
  return atp::tokenise(split_of(given), by, lengths, cache_folder);
}

void check_equal(const TokenRows& rows, const std::vector<TaskExample>& given, const TokenLengths& lengths) {
  REQUIRE(rows.size() == static_cast<std::int64_t>(given.size()));
  std::int64_t cut = 0;
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    const auto& example = given[static_cast<std::size_t>(i)];
    const auto source = tokenizer()->encode(example.source, lengths.source);
    const auto target = tokenizer()->encode(example.target, lengths.target);
    cut += source.truncated;
    CHECK(std::vector<std::int32_t>(rows.source(i).begin(), rows.source(i).end()) == source.ids);
    CHECK(std::vector<std::int32_t>(rows.target(i).begin(), rows.target(i).end()) == target.ids);
  }
  CHECK(rows.truncated_sources() == cut);
}

std::vector<std::string> files(const std::string& folder) {
  std::vector<std::string> result;
  for (const auto& entry : fs::directory_iterator(folder)) result.push_back(entry.path().string());
  return result;
}

}  // namespace

TEST_CASE("tokenised rows are those of the tokenizer, in memory and from the cache") {
  const test::Folder folder;
  const TokenLengths lengths{9, 3};
  const auto given = examples(20);
  check_equal(*tokenise(given, *tokenizer(), lengths, ""), given, lengths);
  check_equal(*tokenise(given, *tokenizer(), lengths, folder.path("a/b")), given, lengths);  // made
  REQUIRE(files(folder.path("a/b")).size() == 1);
  const auto file = files(folder.path("a/b")).front();
  struct stat made = {}, found = {};
  REQUIRE(::stat(file.c_str(), &made) == 0);
  check_equal(*tokenise(given, *tokenizer(), lengths, folder.path("a/b")), given, lengths);  // found
  REQUIRE(::stat(file.c_str(), &found) == 0);
  CHECK(found.st_ino == made.st_ino);
  check_equal(*tokenise({}, *tokenizer(), lengths, folder.path("a/b")), {}, lengths);
}

TEST_CASE("another text, order or length is another file") {
  const test::Folder folder;
  auto given = examples(3);
  tokenise(given, *tokenizer(), {9, 3}, folder.path());
  tokenise(given, *tokenizer(), {10, 3}, folder.path());
  tokenise(given, *tokenizer(), {9, 4}, folder.path());
  given[1].target = "no";
  tokenise(given, *tokenizer(), {9, 3}, folder.path());
  std::swap(given[1].source, given[1].target);
  tokenise(given, *tokenizer(), {9, 3}, folder.path());
  given.pop_back();
  tokenise(given, *tokenizer(), {9, 3}, folder.path());
  CHECK(files(folder.path()).size() == 6);
  const auto store = std::make_shared<ExampleStore>(split_of(given).store());
  atp::tokenise({store, {1, 0}}, *tokenizer(), {9, 3}, folder.path());
  atp::tokenise({store, {0}}, *tokenizer(), {9, 3}, folder.path());
  CHECK(files(folder.path()).size() == 8);
}

TEST_CASE("a file that is cut, changed or foreign is made again, not trusted") {
  const test::Folder folder;
  const TokenLengths lengths{12, 3};
  const auto given = examples(11);
  tokenise(given, *tokenizer(), lengths, folder.path());
  const auto file = files(folder.path()).front();
  const std::string good = read_file(file);
  const auto spoil = [&](const std::string& contents) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << contents;
    check_equal(*tokenise(given, *tokenizer(), lengths, folder.path()), given, lengths);
    CHECK(read_file(file) == good);
  };
  for (const std::size_t size : {0, 1, 40, 71, 72, 100, 104, 112, 400}) spoil(good.substr(0, size));
  spoil(good.substr(0, good.size() - 4));
  spoil(good + "tail");
  spoil(std::string(good.size(), '\0'));
  for (std::size_t at = 0; at < good.size(); at += 13) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    CAPTURE(at);
    spoil(changed);
  }
}

// A block of rows is tokenised by one thread; the whole is the same however many there are.
TEST_CASE("rows of many blocks stand in their order") {
  const test::Folder folder;
  const auto given = examples(5000);
  check_equal(*tokenise(given, *tokenizer(), {9, 3}, folder.path()), given, {9, 3});
}

TEST_CASE("a mapped file stays whole while another takes its place") {
  const test::Folder folder;
  const auto given = examples(50);
  const auto rows = tokenise(given, *tokenizer(), {12, 3}, folder.path());
  const auto file = files(folder.path()).front();
  fs::remove(file);
  tokenise(given, *tokenizer(), {12, 3}, folder.path());
  check_equal(*rows, given, {12, 3});
}

TEST_CASE("several processes make the same file at once") {
  const test::Folder folder;
  const auto given = examples(300);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int status = 1;
      try {
        status = tokenise(given, *tokenizer(), {20, 3}, folder.path())->size() == 300 ? 0 : 2;
      } catch (const std::exception&) {
      }
      _exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  CHECK(files(folder.path()).size() == 1);
  check_equal(*tokenise(given, *tokenizer(), {20, 3}, folder.path()), given, {20, 3});
}

TEST_CASE("a cache folder that cannot be made is an error that names it") {
  const test::Folder folder;
  folder.write("file", "");
  const auto text = test::message<Error>([&] {
    tokenise(examples(1), *tokenizer(), {9, 3}, folder.path("file/below"));
  });
  CHECK(test::has(text, folder.path("file/below")));
}

TEST_CASE("a full disk is an error, and leaves nothing that is taken for a whole file") {
  const test::Folder folder;
  const auto given = examples(500);
  const Split split = split_of(given);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // in a process of its own: the limit on a file's size stays
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    int status = 1;
    try {
      atp::tokenise(split, *tokenizer(), {20, 3}, folder.path());
    } catch (const Error& error) {
      status = std::string(error.what()).find(folder.path()) == std::string::npos ? 2 : 0;
    }
    _exit(status);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(files(folder.path()).empty());
  check_equal(*tokenise(given, *tokenizer(), {20, 3}, folder.path()), given, {20, 3});
}
