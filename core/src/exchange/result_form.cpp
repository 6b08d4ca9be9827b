// A result of atp: checkpoint/tensors.safetensors, and checkpoint/method.json, which says what they are.
#include <filesystem>

#include "atp/error.h"
#include "atp/file.h"
#include "exchange/format.h"

namespace atp::exchange {

namespace {

namespace fs = std::filesystem;

// The folder that holds method.json; "" where there is none.
std::string checkpoint_at(const std::string& path) {
  const fs::path given(path);
  for (const auto& folder : {given / "checkpoint", given, given.parent_path()})
    if (fs::is_regular_file(folder / "method.json") && fs::is_regular_file(folder / "tensors.safetensors"))
      if (folder != given.parent_path() || given.filename() == "tensors.safetensors") return folder.string();
  return "";
}

std::vector<std::string> texts(const Value& map, const char* key) {
  std::vector<std::string> all;
  if (const Value* list = map.find(key))
    for (const auto& item : list->items()) all.push_back(item.text());
  return all;
}

}  // namespace

bool is_result(const std::string& path) { return !checkpoint_at(path).empty(); }

Adapter read_result(const std::string& path) {
  const std::string folder = checkpoint_at(path);
  if (folder.empty())
    throw RecipeError(path + ": no result of a training: there is no checkpoint/method.json with tensors.safetensors");
  const std::string name = folder + "/method.json";
  const Value said = parse_json(read_file(name), name);
  Adapter adapter{{.method = said.at("method").text()}};
  if (const Value* options = said.find("method_options"); options && options->is_map()) adapter.options = *options;
  if (const Value* combiner = said.find("combiner")) adapter.combiner = combiner->text();
  if (const Value* options = said.find("combiner_options"); options && options->is_map())
    adapter.combiner_options = *options;
  adapter.tasks = texts(said, "tasks");
  if (const Value* inputs = said.find("inputs")) adapter.sources = texts(*inputs, "source_prompts");
  const TensorFile file(folder + "/tensors.safetensors");
  read_metadata(file, adapter);
  for (const auto& entry : file.entries()) adapter.tensors.emplace(entry.name, file.tensor(entry));
  adapter.of_tasks = names_in(file, "of_tasks").value_or(std::vector<std::string>());
  if (const auto prompt = file.metadata().find("prompt"); prompt != file.metadata().end())
    adapter.prompt = prompt->second;
  else if (adapter.tensors.size() == 1)
    adapter.prompt = adapter.tensors.begin()->first;
  return adapter;
}

}  // namespace atp::exchange
