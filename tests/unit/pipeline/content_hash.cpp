#include "pipeline/content_hash.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "atp/error.h"
#include "atp/file.h"
#include "temporary_folder.h"
#include "tests/places.h"

using atp::ContentDigests;

namespace {

// As if it had been written long ago: a file younger than the clock's grain is not remembered.
void make_old(const std::string& path, time_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("digests are XXH3's, 128 bits") {
  // `xxhsum -H2` of an empty input and of "abc".
  CHECK(atp::text_digest("") == "99aa06d3014798d86001c324468d497f");
  CHECK(atp::text_digest("abc") == "06b05ab6733a618578af5f94892f3950");
}

TEST_CASE("a file's digest is its text's, also beyond one block") {
  const TemporaryFolder folder;
  std::string text;
  while (text.size() < (5u << 19)) text += "some text " + std::to_string(text.size()) + "\n";
  CHECK(atp::file_digest(folder.write("a", text)) == atp::text_digest(text));
}

TEST_CASE("a changed file has a changed digest, whatever was remembered") {
  const TemporaryFolder folder;
  const std::string database = folder / "cache/digests.sqlite", path = folder.write("a", "one");
  make_old(path, 1000000000);
  {
    ContentDigests digests(database);
    CHECK(digests.file(path) == atp::text_digest("one"));
  }
  folder.write("a", "two");
  make_old(path, 1000000000);  // the same size and modification time: the inode's change time tells
  ContentDigests digests(database);
  CHECK(digests.file(path) == atp::text_digest("two"));
}

TEST_CASE("a database that is damaged is done without") {
  const TemporaryFolder folder;
  folder.write("cache/digests.sqlite", std::string(5000, 'x'));
  ContentDigests digests(folder / "cache/digests.sqlite");
  CHECK(digests.file(folder.write("a", "one")) == atp::text_digest("one"));
}

TEST_CASE("a checkpoint is its config, weights and tokenizer") {
  const TemporaryFolder folder;
  folder.write("c/config.json", "{}");
  folder.write("c/model.safetensors", "weights");
  folder.write("c/spiece.model", "pieces");
  ContentDigests digests("");
  const std::string before = digests.checkpoint(folder / "c");
  folder.write("c/README.md", "not part of it");
  CHECK(digests.checkpoint(folder / "c") == before);
  folder.write("c/spiece.model", "others");
  CHECK(digests.checkpoint(folder / "c") != before);
  folder.write("c/spiece.model", "pieces");
  CHECK(digests.checkpoint(folder / "c") == before);
  for (const char* part : {"pytorch_model.bin.index.json", "model-00001-of-00002.safetensors", "pytorch_model.bin"}) {
    const std::string without = digests.checkpoint(folder / "c");
    folder.write(std::string("c/") + part, "more weights");
    CHECK(digests.checkpoint(folder / "c") != without);
  }
}

TEST_CASE("a folder's digest is that of its files and their names, remembered as one") {
  const TemporaryFolder folder;
  const std::string database = folder / "cache/digests.sqlite", docs = folder / "docs";
  const auto write = [&](const std::string& name, const std::string& text) {
    make_old(folder.write("docs/" + name, text), 1000000000);
  };
  const auto digest = [&] { return ContentDigests(database).file(docs); };
  std::string before;
  const auto is_new = [&] { return std::exchange(before, digest()) != before; };
  write("a", "one");
  write("b/c", "two");
  CHECK(is_new());
  CHECK_FALSE(is_new());
  write("a", "1");
  CHECK(is_new());
  write("b/d", "two");
  CHECK(is_new());
  std::filesystem::rename(folder / "docs/b/d", folder / "docs/b/e");
  CHECK(is_new());
  std::filesystem::remove(folder / "docs/b/e");
  CHECK(is_new());
  ContentDigests digests("");
  CHECK(digests.file(docs) == before);
  CHECK(digests.take_asked() == std::map<std::string, std::string>{{docs, before}});
}

TEST_CASE("the digests of many files are written in one transaction") {
  const TemporaryFolder folder;
  const std::string database = folder / "digests.sqlite";
  std::map<std::string, std::string> asked;
  {
    ContentDigests digests(database);
    for (const auto& entry : std::filesystem::directory_iterator(tests::in_source_tree("/core/include/atp")))
      digests.file(std::filesystem::canonical(entry.path()).string());  // old enough to be remembered
    asked = digests.take_asked();
  }
  CHECK(asked.size() > 10);
  const std::string bytes = atp::read_file(database);
  for (const auto& [path, digest] : asked) CHECK(bytes.find(digest) != std::string::npos);
  CHECK(bytes.substr(24, 4) == std::string("\0\0\0\2", 4));  // SQLite's count of transactions: the table, the digests
}

TEST_CASE("a missing file is named") {
  ContentDigests digests("");
  CHECK_THROWS_WITH_AS(digests.file("/nowhere/at/all"),
                       doctest::Contains("/nowhere/at/all: cannot be read: No such file"), atp::Error);
}
