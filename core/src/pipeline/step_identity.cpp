#include "pipeline/step_identity.h"

#include <algorithm>
#include <boost/filesystem.hpp>

namespace atp {

namespace {

namespace fs = boost::filesystem;

// Described by their contents: other steps, tasks, plugins, the checkpoint. `root` only says where files are.
const std::vector<std::string> described_apart = {
    "of",       "each",           "task",       "tasks",          "method",
    "combiner", "source_prompts", "start_from", "attention_from", "checkpoint",
    "root",     "files",          "name",       "tokenizer",      "backbone",
    "data"};

// A number is the same whether it was written 1 or 1.0.
Value normalised(const Option& option, const Value& value) {
  return option.type == Option::Type::number && value.is_number() ? Value(value.number()) : value;
}

std::string absolute(const Params& params, const std::string& key) {
  const fs::path path(params.values().at(key).text());
  if (path.is_absolute()) return path.string();
  const std::string file = params.origin(key).file;
  return (fs::absolute(fs::path(file)).parent_path() / path).string();
}

Value plugin_identity(const Registry::Entry& entry) {
  Value value = Value::map();
  value.set("name", entry.name);
  value.set("plugin", entry.plugin);
  value.set("version", entry.version);
  return value;
}

Value plugin_identity(const Registry::Entry& entry, const Params& options, ContentDigests& digests) {
  Value value = plugin_identity(entry);
  value.set("options", identity_of(options, described_apart, digests));
  return value;
}

Value task_identity(const TaskContents& task, ContentDigests& digests) {
  Value value = Value::map();
  value.set("name", task.name);
  if (task.plugin) value.set("plugin", plugin_identity(*task.plugin));
  value.set("options", identity_of(task.options, described_apart, digests));
  value.set("rule", task.rule);
  Value& files = value.set("files", Value::map());
  for (const auto& [split, digest] : task.files) files.set(split, digest);
  return value;
}

}  // namespace

Value identity_of(const Params& params, const std::vector<std::string>& left_out, ContentDigests& digests) {
  Value identity = Value::map();
  for (const auto& [key, given] : params.values().members()) {
    const Option* option = params.options().find(key);
    if (!option || !option->affects_result || std::count(left_out.begin(), left_out.end(), key)) continue;
    const Value value = normalised(*option, given);
    if (value.is_null() || value == normalised(*option, option->fallback)) continue;
    if (option->type == Option::Type::path && value.is_text() && fs::is_regular_file(absolute(params, key)))
      identity.set(key, digests.file(absolute(params, key)));
    else
      identity.set(key, value);
  }
  return identity;
}

Value step_identity(const StepContents& contents, ContentDigests& digests) {
  const Step& step = *contents.step;
  Value identity = Value::map();
  identity.set("numerics", numerics_version);
  identity.set("verb", step.verb);
  identity.set("settings", identity_of(step.settings, described_apart, digests));
  identity.set("data", identity_of(step.data, described_apart, digests));
  if (contents.backbone) {
    Value& backbone = identity.set("backbone", plugin_identity(*contents.backbone, step.backbone.options, digests));
    backbone.set("keys", identity_of(step.backbone_keys, described_apart, digests));
    backbone.set("checkpoint", contents.checkpoint);
    backbone.set("tokenizer", contents.tokenizer);
  }
  if (contents.method && step.method)
    identity.set("method", plugin_identity(*contents.method, step.method->options, digests));
  if (contents.combiner && step.combiner)
    identity.set("combiner", plugin_identity(*contents.combiner, step.combiner->options, digests));
  Value& tasks = identity.set("tasks", Value::list());
  for (const auto& task : contents.tasks) tasks.push_back(task_identity(task, digests));
  Value& inputs = identity.set("inputs", Value::list());
  for (const auto& input : contents.inputs) {
    Value& value = (inputs.push_back(Value::map()), inputs.items().back());
    value.set("role", input.role);
    value.set("item", input.item);
    value.set("result", input.digest);
  }
  return identity;
}

std::string identity_hash(const Value& identity) { return text_digest(canonical_json(identity)); }

}  // namespace atp
