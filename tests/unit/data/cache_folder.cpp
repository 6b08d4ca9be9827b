#include "data/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <sstream>

#include "data/example_store.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

constexpr std::time_t day = 24 * 60 * 60;

// A file that was last used `days` days before now.
std::string old_file(const Folder& folder, const std::string& name, std::time_t now, int days) {
  const std::string path = folder.write(name, "12345");
  const timespec times[2] = {{now - days * day, 0}, {now - days * day, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  return path;
}

std::vector<std::string> paths(const std::vector<CachedFile>& files) {
  std::vector<std::string> result;
  for (const auto& file : files) result.push_back(file.path);
  return result;
}

}  // namespace

TEST_CASE("the cache's files, the longest unused first; those unused for some days are removed, and nothing else") {
  const Folder out;
  const std::time_t now = std::time(nullptr);
  const auto older = old_file(out, "cache/tokens/b.tokens", now, 9),
             old = old_file(out, "cache/examples/a.examples", now, 5),
             torn = old_file(out, "cache/tokens/c.tokens.partial", now, 3),
             used = old_file(out, "cache/examples/d.examples", now, 0);
  const auto strange = old_file(out, "cache/examples/notes.txt", now, 99),
             digests = old_file(out, "cache/digests.sqlite", now, 99);
  CHECK(paths(cached_files(out.path())) == std::vector<std::string>{older, old, torn, used});
  std::ostringstream text, json;
  print_cache(cached_files(out.path()), false, now, text);
  CHECK(has(text.str(), "examples       2 files         0.0 MB   unused for 5 days at most\n"));
  CHECK(has(text.str(), "tokens         2 files         0.0 MB   unused for 9 days at most\n"));
  print_cache(cached_files(out.path()), true, now, json);
  CHECK(parse_json(json.str(), "o").items()[1] ==
        parse_json("{\"path\": \"" + old + "\", \"bytes\": 5, \"days_unused\": 5}", "e"));
  CHECK(paths(remove_unused(out.path(), 5, now)) == std::vector<std::string>{older, old});
  CHECK(paths(cached_files(out.path())) == std::vector<std::string>{torn, used});
  CHECK(paths(remove_unused(out.path(), 0, now)) == std::vector<std::string>{torn, used});
  CHECK(std::filesystem::exists(strange));
  CHECK(std::filesystem::exists(digests));
  CHECK(has(test::message<DataError>([&] { cached_files(out.path("none")); }), "no such folder"));
}

TEST_CASE("what is opened is used, what is being made is not removed, and who reads a file that is removed keeps it") {
  const Folder out;
  const auto path = out.path("cache/examples/x.examples");
  const auto store = [&] {
    return example_store(path, {1, 2}, {}, [&](ExampleWriter& writer) {
      CHECK(remove_unused(out.path(), 0, std::time(nullptr)).empty());
      writer.add({"source", "target"});
    });
  };
  store();
  const std::time_t now = std::time(nullptr);
  const timespec times[2] = {{now - 9 * day, 0}, {now - 9 * day, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  const auto found = store();
  CHECK(remove_unused(out.path(), 1, now).empty());
  CHECK(paths(remove_unused(out.path(), 0, now)) == std::vector<std::string>{path});
  CHECK(found->source(0) == "source");
}
