#include "atp/words.h"
#include "tests/unit/tasks/examples.h"

using namespace atp;

namespace {

// Every member of `expected` is a split with its examples in order.
void compare(const TaskData& data, const Value& expected) {
  for (const auto& member : expected.members()) {
    const std::string& split = member.first;
    const Value& wanted = member.second;
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

}  // namespace

namespace {

std::string text_of(const Split& split) {
  std::string text;
  for (const auto& example : split)
    text +=
        example.source + "\t" + example.target + "\t" + example.group + "\t" + joined(example.references, "\t") + "\n";
  return text;
}

// What a task that promises the same examples in either role makes to train on, and to be scored on.
void compare_roles(TextTask task, const std::string& root) {
  if (task.roles_differ || !task.expand) return;
  const auto train = [&] { return text_of(TaskData(task, {.root = root, .official_splits = true}).split("train")); };
  const std::string scored = train();
  task.roles_differ = true;
  CHECK(train() == scored);
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
      compare(data, one.at("expected"));
      if (one.at("expected").find("train")) compare_roles(data.task(), root.path());
    } catch (const Error& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
}
