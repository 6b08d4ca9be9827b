#include "data/task_files.h"

#include <algorithm>

#include "data/task_data.h"
#include "tests/places.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::Folder;
using test::has;

namespace {

// The tree's own plugins, and a folder of tasks.
struct Shop {
  explicit Shop(const std::string& folder)
      : libtorch(LibTorchSettings{}),
        plugins({{}, tests::in_build_tree("/lib/atp/plugins"), ""}, libtorch),
        tasks(plugins, folder) {}

  TextTask task(const std::string& name) {
    REQUIRE(tasks.find("task", name));
    return plugins.registry().make<TextTask>(name, Params());
  }

  LibTorch libtorch;
  PluginHost plugins;
  TaskFiles tasks;
};

const std::string good = R"(files: {train: a.csv, validation: b.jsonl}
source: "question: {q}"
target: "{a}"
labels: {n: no, y: yes}
metrics: [accuracy]
)";

}  // namespace

TEST_CASE("a task in a file of YAML is found by the file's name, beside those of plugins") {
  const Folder folder;
  folder.write("tasks/mine.yaml", good);
  folder.write("tasks/notes.txt", "no task");
  folder.write("tasks/.hidden.yaml", "no task");
  Shop shop(folder.path("tasks"));
  const auto names = shop.tasks.names("task");
  CHECK(std::count(names.begin(), names.end(), "mine") == 1);
  CHECK(std::count(names.begin(), names.end(), "sst2") == 1);
  CHECK(std::count(names.begin(), names.end(), "notes") == 0);
  CHECK(std::is_sorted(names.begin(), names.end()));
  const TextTask task = shop.task("mine");
  CHECK(task.name == "mine");
  CHECK(task.labels.size() == 2);
  CHECK(task.render(Row(Value(Value::Map{{"q", "why"}, {"a", "n"}}))).source == "question: why");
  const auto* entry = shop.tasks.find("task", "mine");
  CHECK(entry->library == folder.path("tasks/mine.yaml"));
  CHECK(entry->plugin == "task file");
  CHECK(shop.tasks.find("task", "mine") == entry);
  CHECK(shop.tasks.find("task", "toy"));
  CHECK(shop.tasks.find("metric", "accuracy"));
  CHECK_FALSE(shop.tasks.find("task", "other"));
}

TEST_CASE("a task file's version follows what it says, and not what it is called or remarks") {
  const auto version = [](const std::string& contents) {
    const Folder folder;
    folder.write("mine.yaml", contents);
    return Shop(folder.path()).tasks.find("task", "mine")->version;
  };
  CHECK(version(good) == version("# a remark\nname: mine\nsummary: short\n" + good));
  CHECK(version(good) != version(good + "prefix: mine\n"));
}

TEST_CASE("what is wrong with a task file is told with its place") {
  const Folder folder;
  const auto fault = [&](const std::string& contents) {
    folder.write("mine.yaml", contents);
    Shop shop(folder.path());
    return test::message<PluginError>([&] { shop.tasks.find("task", "mine"); });
  };
  CHECK(has(fault("sorce: x\n" + good), "mine.yaml:1:1: unknown key 'sorce'; did you mean 'source'?"));
  CHECK(has(fault("metrics: [acuracy]\nsource: a\n"), "no metric 'acuracy'; did you mean 'accuracy'?"));
  CHECK(has(fault("metrics: [accuracy]\nsource: a\n"), "'files'"));
  CHECK(has(fault("name: yours\n" + good),
            "mine.yaml:1:7: 'name': found 'yours', but a task is found by its file's name, 'mine'"));
  CHECK(has(fault("- a\n"), "found list, expected a task"));
  CHECK(has(fault(""), "found nothing, expected a task"));
  CHECK(has(fault("a: [\n"), "mine.yaml"));
}

TEST_CASE("a folder of tasks: one that is missing, a name that a plugin has, a name that is none") {
  const Folder folder;
  CHECK(has(test::message<RecipeError>([&] { Shop shop(folder.path("none")); }), "no folder of tasks"));
  folder.write("sst2.yaml", good);
  folder.write("my task.yaml", good);
  const auto text = test::message<RecipeError>([&] { const Shop shop(folder.path()); });
  CHECK(has(text, "sst2.yaml: a plugin offers a task 'sst2' already: "));
  CHECK(has(text, "libglue.so"));
  CHECK(has(text, "my task.yaml: the file's name is the task's"));
}
