#pragma once

#include "data/task_data.h"
#include "tests/unit/data/fixture.h"

// What the tests of tasks share.
namespace test {

inline atp::TaskData task_data(const std::string& name, const std::string& root, bool official = false,
                               const atp::Value& options = {}) {
  const auto* entry = plugins().find("task", name);
  REQUIRE_MESSAGE(entry, name);
  const auto params = defaults(entry->options, options);
  return {plugins().make<atp::TextTask>(name, params), {.root = root, .official_splits = official}};
}

}  // namespace test
