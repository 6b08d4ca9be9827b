#include "data/example_store.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "data/split.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;

namespace {

constexpr XXH128_hash_t key{1, 2};

void fill(ExampleWriter& writer) {
  for (int i = 0; i < 30; ++i) {
    writer.add_row();
    if (i % 10 == 9) {
      writer.add_bad(DataError({"b.tsv", i}, "no label"));
      continue;
    }
    TaskExample example{
        "source " + std::to_string(i), i % 2 ? "" : "yes", {}, std::string(i % 3, 'g'), 0, {"a.tsv", i}};
    if (i % 4 == 0) example.references = {"", "two\nlines", std::string(i, 'x')};
    writer.add(example);
  }
  writer.add_row();
  writer.add_left_out();
}

std::shared_ptr<const ExampleStore> store(const std::string& path) {
  return example_store(path, key, {"a.tsv", "b.tsv"}, fill);
}

void check(const ExampleStore& store) {
  REQUIRE(store.size() == 27);
  const auto some = store.get(10);  // of row 11
  CHECK(some.source == "source 11");
  CHECK(some.target == "");
  CHECK(some.references == std::vector<std::string>{""});
  CHECK(some.group == "gg");
  CHECK(some.index == 10);
  CHECK(some.origin.text() == "a.tsv:11");
  CHECK(store.get(11).references == std::vector<std::string>{"", "two\nlines", std::string(12, 'x')});
  CHECK(store.counts().rows == 31);
  CHECK(store.counts().bad == 3);
  CHECK(store.counts().left_out == 1);
  CHECK(store.bad_rows() == std::vector<std::string>{"b.tsv:9: no label", "b.tsv:19: no label", "b.tsv:29: no label"});
}

}  // namespace

TEST_CASE("examples from a temporary file, from one that was made, and from one that was found") {
  const Folder folder;
  check(*store(""));
  CHECK(std::filesystem::is_empty(folder.path()));
  check(*store(folder.path("a/b/c")));
  check(*example_store(folder.path("a/b/c"), key, {"a.tsv", "b.tsv"}, [](ExampleWriter&) { FAIL("made again"); }));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path("a/b")), {}) == 1);
}

TEST_CASE("a store that is cut, changed or foreign is made again") {
  const Folder folder;
  const auto path = folder.path("store");
  check(*store(path));
  const std::string good = read_file(path);
  const auto spoil = [&](const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
    check(*store(path));
    CHECK(read_file(path) == good);
  };
  for (std::size_t size = 0; size < good.size(); size += 37) spoil(good.substr(0, size));
  spoil(good + "x");
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    CAPTURE(at);
    spoil(changed);
  }
  check(*example_store(path, {1, 3}, {"a.tsv", "b.tsv"}, fill));  // another key's file stands here
}

TEST_CASE("several processes make one store at once: one makes it, the others find it") {
  const Folder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      bool made = false;
      const auto it = example_store(folder.path("store"), key, {"a.tsv", "b.tsv"}, [&](ExampleWriter& writer) {
        made = true;
        fill(writer);
      });
      _exit(it->size() != 27 ? 2 : made ? 1 : 0);
    }
    children.push_back(child);
  }
  int makers = 0;
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) < 2);
    makers += WEXITSTATUS(status);
  }
  CHECK(makers == 1);
  check(*store(folder.path("store")));
}

TEST_CASE("what stops the making of a store leaves none behind") {
  const Folder folder;
  CHECK_THROWS_AS(example_store(folder.path("store"), key, {},
                                [](ExampleWriter& writer) {
                                  writer.add({"a", "b"});
                                  throw PluginError("no more");
                                }),
                  PluginError);
  const pid_t child = fork();  // the limit on a file's size stays
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    int status = 1;
    try {
      example_store(folder.path("store"), key, {}, [](ExampleWriter& writer) {
        for (int i = 0; i < 100; ++i) writer.add({std::string(100, 'x'), "b"});
      });
    } catch (const Error& error) {
      status = std::string(error.what()).find(folder.path("store")) == std::string::npos ? 2 : 0;
    }
    _exit(status);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a split is an order over a store, and its hash says what its rows are") {
  const auto examples = store("");
  const Split split(examples, {4, 0, 20});
  CHECK(split.size() == 3);
  CHECK(split[0].source == "source 4");
  CHECK(split.source(2) == examples->get(20).source);
  CHECK(split.references(0) == examples->get(4).references);
  std::vector<std::int64_t> indices;
  for (const auto& example : split) indices.push_back(example.index);
  CHECK(indices == split.order());
  CHECK(split.first(2).order() == Split::Order{4, 0});
  CHECK(split.first(9).order() == split.order());
  const auto same = [&](const Split& other) {
    return other.hash().low64 == split.hash().low64 && other.hash().high64 == split.hash().high64;
  };
  CHECK(same({examples, {4, 0, 20}}));
  CHECK_FALSE(same({examples, {0, 4, 20}}));
  CHECK_FALSE(same(split.first(2)));
}
