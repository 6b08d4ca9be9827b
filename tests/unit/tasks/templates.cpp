#include "tests/unit/tasks/examples.h"

using namespace atp;

namespace {

// Every member of `expected` is a split with its examples in order.
void compare(const TaskData& data, const Value& expected) {
  for (const auto& [split, wanted] : expected.members()) {
    CAPTURE(split);
    const auto examples = data.split(split);
    REQUIRE(examples.size() == wanted.items().size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const Value& one = wanted.items()[i];
      CHECK(examples[i].source == one.at("source").text());
      CHECK(examples[i].target == one.at("target").text());
      CHECK(examples[i].group == one.at("group").text());
      std::vector<std::string> references;
      for (const auto& reference : one.at("references").items()) references.push_back(reference.text());
      CHECK(examples[i].references == references);
    }
  }
}

bool in_first_form(const TextTask& task, const std::string& path) {
  for (const auto& split : task.files.splits)
    for (const auto& known : split.paths)
      if ((path == known || path == "superglue/" + known) && split.labels.empty() &&
          task.files.format < Files::Format::json)
        return true;
  return false;
}

}  // namespace

// tests/goldens/tasks.py renders the same rows in Python. A case is a task in one of its forms: its authors', the
// Hub's.
TEST_CASE("every task in every form of its files, against another rendering of made-up rows") {
  const Value cases = test::golden("tasks.json");
  for (const auto& one : cases.items()) {
    const std::string task = one.at("task").text();
    const test::Folder root;
    std::string files;
    for (const auto& [path, contents] : one.at("files").members()) {
      root.write(path, contents.text());
      files += path + " ";
    }
    CAPTURE(task);
    CAPTURE(files);
    try {
      const auto data = test::task_data(task, root.path(), true, one.at("options"));
      if (!in_first_form(data.task(), one.at("files").members().front().first)) continue;
      compare(data, one.at("expected"));
    } catch (const Error& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
}
