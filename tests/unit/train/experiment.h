#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "atp/plugin.h"
#include "data/token_rows.h"
#include "engine/engine.h"
#include "tests/places.h"
#include "tests/unit/train/small_backbone.h"
#include "train/model.h"

// What tests of training, methods and the engine share: rows in memory, the methods' own libraries, a model to train.

class MemoryRows final : public atp::TokenRows {
 public:
  using Row = std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>>;
  explicit MemoryRows(std::vector<Row> rows) : rows_(std::move(rows)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  std::span<const std::int32_t> source(std::int64_t row) const override {
    return rows_.at(static_cast<std::size_t>(row)).first;
  }
  std::span<const std::int32_t> target(std::int64_t row) const override {
    return rows_.at(static_cast<std::size_t>(row)).second;
  }
  std::int64_t truncated_sources() const override { return 0; }

 private:
  std::vector<Row> rows_;
};

// Rows for the small backbone: the target is the source's first id.
inline atp::SplitData made_split(const std::string& task, std::int64_t number, std::int64_t size,
                                 std::uint64_t seed = 0) {
  std::vector<MemoryRows::Row> rows;
  auto draw = [state = atp::derive_seed(seed, task)](std::int32_t low, std::int32_t high) mutable {
    state = atp::derive_seed(state, "draw");
    return low + static_cast<std::int32_t>(state % static_cast<std::uint64_t>(high - low));
  };
  for (std::int64_t i = 0; i < size; ++i) {
    std::vector<std::int32_t> source;
    for (auto length = draw(1, 7); length > 0; --length) source.push_back(draw(2, 12));
    source.push_back(1);
    const auto first = source.front();
    rows.push_back({std::move(source), {first, 1}});
  }
  auto shared = std::make_shared<MemoryRows>(std::move(rows));
  atp::SplitData split{.task = task, .task_number = number, .rows = shared, .target_length = 3};
  split.decode = [](const std::vector<std::int32_t>& ids) {
    std::string text;
    for (const auto id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
    return text;
  };
  split.score = [shared](const std::vector<std::string>& predictions) {
    double right = 0;
    for (std::size_t i = 0; i < predictions.size(); ++i)
      right += predictions[i] == std::to_string(shared->target(static_cast<std::int64_t>(i)).front());
    return atp::Scores{{"accuracy", 100 * right / static_cast<double>(predictions.size())}};
  };
  return split;
}

// Registers what build/lib/atp/plugins/KIND/libLIBRARY.so offers.
inline void load_plugin(atp::Registry& registry, const std::string& kind, const std::string& library) {
  const auto path = tests::in_build_tree("/lib/atp/plugins/") + kind + "/lib" + library + ".so";
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(handle, dlerror());
  const auto* descriptor = static_cast<const atp::PluginDescriptor*>(dlsym(handle, "atp_plugin"));
  REQUIRE(descriptor);
  registry.set_plugin(descriptor->name, descriptor->version, path);
  descriptor->register_plugin(registry);
}

// All libraries of a kind that the build has, in the order of their names.
inline std::vector<std::string> libraries_of(const std::string& kind) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(tests::in_build_tree("/lib/atp/plugins/" + kind)))
    names.push_back(entry.path().stem().string().substr(3));
  std::sort(names.begin(), names.end());
  return names;
}

inline const atp::Registry& all_plugins() {
  static const atp::Registry registry = [] {
    atp::Registry made;
    made.add<atp::Backbone>(small_backbone());
    for (const auto* method : {"prompt_tuning", "fine_tuning", "attempt", "lora", "ia3"})
      load_plugin(made, "method", method);
    for (const auto& combiner : libraries_of("combiner")) load_plugin(made, "combiner", combiner);
    load_plugin(made, "backbone", "t5");
    return made;
  }();
  return registry;
}

// Options as a recipe would say them, checked against the plugin's table.
inline atp::Params checked(const std::string& kind, const std::string& name, const atp::Value& given = {}) {
  const auto* entry = all_plugins().find(kind, name);
  REQUIRE(entry);
  atp::Problems problems;
  auto params = entry->options.check(given, {}, problems);
  problems.throw_if_any();
  return params;
}

inline atp::Value options(atp::Value::Map members) { return atp::Value(std::move(members)); }

// Of these options the ones that the plugin has.
inline atp::Value known_options(const std::string& kind, const std::string& name, const atp::Value& given) {
  auto known = atp::Value::map();
  if (given.is_null()) return known;
  for (const auto& [key, value] : given.members())
    if (all_plugins().find(kind, name)->options.find(key)) known.set(key, value);
  return known;
}

struct Choices {
  std::string method = "prompt_tuning";
  atp::Value method_options = options({{"prompt_length", 3}});
  std::string combiner = "attempt";
  atp::Value combiner_options = options({{"rank", 4}});
  std::vector<std::string> tasks = {"copy"};
  std::int64_t sources = 2;
  at::ScalarType precision = at::kDouble;
  double dropout = 0;
};

// First values for the small backbone: 9 pieces to draw from, random source prompts, and two inputs of 3 and 4 tokens.
inline atp::Start first_values(const atp::Backbone& backbone, const Choices& choices, std::int64_t length = 3) {
  atp::Start start{.seed = 3, .precision = choices.precision, .backbone = &backbone};
  for (std::int32_t id = 3; id < 12; ++id) start.frequent_pieces.push_back(id);
  for (std::int64_t j = 0; j < choices.sources; ++j)
    start.prompts["source_prompts"].emplace_back("source " + std::to_string(j),
                                                 at::empty({length, backbone.shape().width}, at::kDouble)
                                                     .normal_(0, 1, start.stream("source " + std::to_string(j))));
  start.training_inputs = [&backbone](const auto& show) {
    const auto ids = at::arange(1, 9, at::kLong).view({2, 4});
    show({.values = backbone.embed(ids), .lengths = {{3, 4}, at::arange(3, 5, at::kLong)}, .weights = {}});
  };
  return start;
}

inline std::shared_ptr<atp::Method> make_method(const std::shared_ptr<atp::Backbone>& backbone,
                                                const Choices& choices) {
  auto method_options = choices.method_options;
  if (choices.method == "attempt") method_options.set("source_prompts", "sources");
  if (choices.method == "fine_tuning") method_options = {};
  const auto combiner_options = known_options("combiner", choices.combiner, choices.combiner_options);
  const atp::MethodContext context{.backbone = backbone,
                                   .tasks = choices.tasks,
                                   .inputs = {{"source_prompts", choices.sources}},
                                   .source_length = 8,
                                   .combiner = [&](const atp::PromptShape& shape) {
                                     return all_plugins().make<atp::PromptCombiner>(
                                         choices.combiner, shape,
                                         checked("combiner", choices.combiner, combiner_options));
                                   }};
  return all_plugins().make<atp::Method>(choices.method, context, checked("method", choices.method, method_options));
}

inline atp::BackboneRequest request_of(const Choices& choices) {
  atp::BackboneRequest request{.checkpoint = {}, .precision = choices.precision};
  request.checkpoint.seed = 5;
  return request;
}

inline atp::Model make_model(const Choices& choices) {
  atp::Model model;
  model.backbone = std::make_shared<SmallBackbone>(request_of(choices));
  model.method = make_method(model.backbone, choices);
  model.method->initialise(first_values(*model.backbone, choices));
  model.dropout = choices.dropout;
  return model;
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "atp-train-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const atp::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
