#include "pipeline/content_hash.h"
#include "tests/unit/tasks/examples.h"

using namespace atp;

// tests/goldens/real_tasks.py renders ../shared/data in Python; the digest is over every example of a split.
TEST_CASE("every example of the real data, against another rendering") {
  const auto root = test::shared("data");
  if (root.empty()) return;
  const Value golden = test::golden("real_tasks.json");
  for (const auto& member : golden.members()) {
    const std::string& task = member.first;
    CAPTURE(task);
    const auto data = test::task_data(task, root, true);
    for (const auto& one : member.second.members()) {
      const std::string& split = one.first;
      const Value& expected = one.second;
      CAPTURE(split);
      std::string text;
      const auto examples = data.split(split);
      for (const auto& example : examples) {
        text += example.source + "\t" + example.target;
        for (const auto& reference : example.references) text += "\t" + reference;
        text += "\n";
      }
      CHECK(static_cast<std::int64_t>(examples.size()) == expected.at("examples").integer());
      CHECK(text_digest(text) == expected.at("digest").text());
    }
  }
}
