#include "pipeline/step_identity.h"

#include <algorithm>
#include <boost/filesystem.hpp>

namespace atp {

namespace {

namespace fs = boost::filesystem;

// Keys of the core's own tables that are described by their contents: other steps, tasks, plugins, the checkpoint.
// `root` only says where files are. A plugin's own table leaves out nothing, whatever its keys are called.
const std::vector<std::string> apart_from_settings = {"of", "each", "task", "tasks", "method", "combiner"};
const std::vector<std::string> apart_from_method = {"combiner"};
const std::vector<std::string> apart_from_data = {"root", "files"};
const std::vector<std::string> apart_from_backbone_keys = {"name", "checkpoint", "tokenizer"};
const std::vector<std::string> apart_from_in_place_task = {"name", "files"};
const std::vector<std::string> nothing = {};

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

Value plugin_identity(const Registry::Entry& entry, const Params& options, const std::vector<std::string>& left_out,
                      ContentDigests& digests) {
  Value value = plugin_identity(entry);
  value.set("options", identity_of(options, left_out, digests));
  return value;
}

Value task_identity(const TaskContents& task, ContentDigests& digests) {
  Value value = Value::map();
  value.set("name", task.name);
  if (task.plugin) value.set("plugin", plugin_identity(*task.plugin));
  Value& metrics = value.set("metrics", Value::list());
  for (const auto* metric : task.metrics) metrics.push_back(plugin_identity(*metric));
  value.set("options", identity_of(task.options, task.plugin ? nothing : apart_from_in_place_task, digests));
  value.set("rule", task.rule);
  Value& files = value.set("files", Value::map());
  for (const auto& [split, digest] : task.files) files.set(split, digest);
  if (task.readers.empty()) return value;  // as most files, which need none
  Value& readers = value.set("readers", Value::list());
  for (const auto* reader : task.readers) readers.push_back(plugin_identity(*reader));
  return value;
}

}  // namespace

Value identity_of(const Params& params, const std::vector<std::string>& left_out, ContentDigests& digests) {
  Value identity = Value::map();
  for (const auto& [key, given] : params.values().members()) {
    const Option* option = params.options().find(key);
    if (!option || !option->affects_result || option->names_results()) continue;
    if (std::count(left_out.begin(), left_out.end(), key)) continue;
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
  identity.set("settings", identity_of(step.settings, apart_from_settings, digests));
  identity.set("data", identity_of(step.data, apart_from_data, digests));
  if (contents.backbone) {
    Value& backbone =
        identity.set("backbone", plugin_identity(*contents.backbone, step.backbone.options, nothing, digests));
    backbone.set("keys", identity_of(step.backbone_keys, apart_from_backbone_keys, digests));
    backbone.set("checkpoint", contents.checkpoint);
    backbone.set("tokenizer", contents.tokenizer);
  }
  if (contents.method && step.method)
    identity.set("method", plugin_identity(*contents.method, step.method->options, apart_from_method, digests));
  if (contents.combiner && step.combiner)
    identity.set("combiner", plugin_identity(*contents.combiner, step.combiner->options, nothing, digests));
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
