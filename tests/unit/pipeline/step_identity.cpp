#include "pipeline/step_identity.h"

#include <doctest/doctest.h>

#include "temporary_folder.h"

using namespace atp;

namespace {

Params checked(const Options& options, const Value& given) {
  Problems problems;
  Params params = options.check(given, {}, problems);
  problems.throw_if_any();
  return params;
}

Value map_of(std::initializer_list<std::pair<const char*, Value>> members) {
  Value map = Value::map();
  for (const auto& [key, value] : members) map.set(key, value);
  return map;
}

const Options table{
    number("rate", 0.3), integer("updates"), text("order", "shuffled"), integer("every", 10).not_in_hash(),
    text("method"),      path("file")};

std::string hash(const Options& options, const Value& given) {
  ContentDigests digests("");
  return identity_hash(identity_of(checked(options, given), {"method"}, digests));
}

}  // namespace

TEST_CASE("what is said at its default changes nothing, and neither does a new option") {
  const std::string plain = hash(table, Value::map());
  CHECK(hash(table, map_of({{"rate", 0.3}})) == plain);
  Options wider = table;
  wider.add(boolean("new_way", false));
  CHECK(hash(wider, Value::map()) == plain);
  CHECK(hash(wider, map_of({{"new_way", true}})) != plain);
}

TEST_CASE("what changes a result changes the hash, and nothing else does") {
  const std::string plain = hash(table, Value::map());
  CHECK(hash(table, map_of({{"rate", 0.1}})) != plain);
  CHECK(hash(table, map_of({{"updates", 5}})) != plain);
  CHECK(hash(table, map_of({{"every", 3}})) == plain);
  CHECK(hash(table, map_of({{"method", "other"}})) == plain);  // described apart
}

TEST_CASE("a number is the same however it was written, and keys in any order") {
  CHECK(hash(table, map_of({{"rate", 1}})) == hash(table, map_of({{"rate", 1.0}})));
  CHECK(hash(table, map_of({{"rate", 1}, {"updates", 2}})) == hash(table, map_of({{"updates", 2}, {"rate", 1}})));
}

TEST_CASE("a path stands for what its file holds") {
  const TemporaryFolder folder;
  const std::string one = folder.write("one", "text"), same = folder.write("same", "text"),
                    other = folder.write("other", "another");
  CHECK(hash(table, map_of({{"file", one}})) == hash(table, map_of({{"file", same}})));
  CHECK(hash(table, map_of({{"file", one}})) != hash(table, map_of({{"file", other}})));
}

TEST_CASE("a reader of data files counts with its version; files that need none are what they were") {
  Step step;
  step.verb = "train";
  ContentDigests digests("");
  const auto identity = [&](const std::vector<const Registry::Entry*>& readers) {
    StepContents contents;
    contents.step = &step;
    contents.tasks.push_back({"sst2", nullptr, Value::map(), {}, {{"train", "d1"}}, {}, readers});
    return step_identity(contents, digests);
  };
  const Registry::Entry one{"reader", "parquet", "", {}, "parquet", "1.0.0", "a.so", nullptr, typeid(void)};
  const Registry::Entry two{"reader", "parquet", "", {}, "parquet", "1.0.1", "a.so", nullptr, typeid(void)};
  CHECK(identity({}).at("tasks").items()[0].find("readers") == nullptr);
  CHECK(identity_hash(identity({&one})) != identity_hash(identity({})));
  CHECK(identity_hash(identity({&one})) != identity_hash(identity({&two})));
}

TEST_CASE("a step's identity: contents and versions, not names") {
  Registry::Entry method{"method", "prompt_tuning", "", {}, "methods", "1.0.0", "a.so", nullptr, typeid(void)};
  Step step;
  step.name = "sources";
  step.verb = "train";
  step.method = Choice{"prompt_tuning", {}, {}};
  ContentDigests digests("");
  const auto identity = [&](const std::string& data, const std::string& input) {
    StepContents contents;
    contents.step = &step;
    contents.method = &method;
    contents.tasks.push_back({"sst2", nullptr, Value::map(), {}, {{"train", data}}});
    contents.inputs.push_back({"start_from", "", input});
    return identity_hash(step_identity(contents, digests));
  };
  const std::string plain = identity("d1", "i1");
  step.name = "renamed";
  step.item = "sst2";
  method.library = "elsewhere.so";
  CHECK(identity("d1", "i1") == plain);
  CHECK(identity("d2", "i1") != plain);
  CHECK(identity("d1", "i2") != plain);
  method.version = "1.0.1";
  CHECK(identity("d1", "i1") != plain);
}

TEST_CASE("a metric's version counts, and a plugin's options whatever they are called") {
  Registry::Entry task{"task", "theirs", "", {}, "tasks", "1.0.0", "a.so", nullptr, typeid(void)};
  Registry::Entry metric{"metric", "accuracy", "", {}, "metrics", "1.0.0", "a.so", nullptr, typeid(void)};
  Registry::Entry method{"method", "prompt_tuning", "", {}, "methods", "1.0.0", "a.so", nullptr, typeid(void)};
  const Options theirs{text("name"), text("files"), text("data"), text("tokenizer"), text("combiner")};
  Step step;
  step.verb = "train";
  ContentDigests digests("");
  const auto identity = [&](const Value& task_options, const Value& method_options) {
    step.method = Choice{"prompt_tuning", checked(theirs, method_options), {}};
    StepContents contents;
    contents.step = &step;
    contents.method = &method;
    contents.tasks.push_back({"theirs", &task, Value::map(), checked(theirs, task_options), {}, {&metric}});
    return identity_hash(step_identity(contents, digests));
  };
  const std::string plain = identity(Value::map(), Value::map());
  for (const char* key : {"name", "files", "data", "tokenizer", "combiner"}) {
    CAPTURE(key);
    CHECK(identity(map_of({{key, "x"}}), Value::map()) != plain);
    CHECK((identity(Value::map(), map_of({{key, "x"}})) == plain) == (std::string(key) == "combiner"));
  }
  metric.version = "1.0.1";
  CHECK(identity(Value::map(), Value::map()) != plain);
}
