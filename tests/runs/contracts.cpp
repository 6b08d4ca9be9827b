#include <doctest/doctest.h>

#include <cstdlib>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace {

std::string data_root() {
  const char* given = std::getenv("ATP_SHARED");
  const std::string root = (given ? std::string(given) : tests::in_source_tree("/../shared")) + "/data";
  if (std::filesystem::exists(root)) return root;
  MESSAGE("skipped: no " << root << " (ATP_SHARED says where shared/ is)");
  return "";
}

bool has_all_files(const atp::Value& task) {
  bool all = true;
  for (const auto& file : task.at("files").items()) all = all && file.at("found").boolean();
  return all;
}

}  // namespace

// Every row of the real data sets, through `atp check` as a user would run it.
TEST_CASE("every task whose data is here keeps its contract") {
  const std::string root = data_root();
  if (root.empty()) return;
  const Ended list = run(program("atp"), {"tasks", "--json", "--data", root});
  REQUIRE(list.status == 0);
  int checked = 0;
  const atp::Value tasks = atp::parse_json(list.out, "atp tasks");
  for (const auto& task : tasks.items()) {
    const std::string name = task.at("name").text();
    CAPTURE(name);
    if (!task.at("files").items().empty() && !has_all_files(task)) {
      MESSAGE("skipped: no data for " << name);
      continue;
    }
    const Ended ended = run(program("atp"), {"check", name, "--data", root});
    CHECK_MESSAGE(ended.status == 0, ended.out);
    CHECK(contains(ended.out, "verdict: all is well"));
    ++checked;
  }
  CHECK(checked > 10);
}
