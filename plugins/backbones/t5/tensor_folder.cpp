#include "tensor_folder.h"

#include <atp/error.h>
#include <atp/file.h>
#include <atp/value.h>
#include <unistd.h>

#include <set>

namespace atp::t5 {

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// The name of a file beside the index, and with an ending by which a checkpoint's files are known: what a step's
// results depend on are the files of these endings.
bool is_shard(const std::string& name) {
  return (name.ends_with(".safetensors") || name.ends_with(".bin")) && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

// The first few of several words, and how many there are more.
std::string few(const std::vector<std::string>& words) {
  constexpr std::size_t shown = 5;
  std::string text;
  for (std::size_t i = 0; i < words.size() && i < shown; ++i) text += (i > 0 ? ", " : "") + words[i];
  return words.size() > shown ? text + " and " + std::to_string(words.size() - shown) + " more" : text;
}

}  // namespace

TensorFolder::TensorFolder(const std::string& path) : path_(path) {
  for (const char* name : {"/model.safetensors", "/pytorch_model.bin"}) {
    const std::string file = path + name, index = file + ".index.json";
    if (exists(file))
      add(file);
    else if (exists(index))
      read_index(index);
    if (!files_.empty()) return;
  }
  throw FormatError(Origin{path, 0, 0},
                    "no model.safetensors, no pytorch_model.bin, and no index of shards of either "
                    "(model.safetensors.index.json); expected a T5 checkpoint in the Hub's layout: config.json and "
                    "model.safetensors or pytorch_model.bin");
}

std::vector<std::string> TensorFolder::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

const TensorFile::Entry* TensorFolder::find(const std::string& name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : place->second->find(name);
}

at::Tensor TensorFolder::tensor(const std::string& name) const { return places_.at(name)->tensor(name); }

std::string TensorFolder::where() const { return files_.size() == 1 ? files_.front()->path() : path_; }

void TensorFolder::add(const std::string& file) {
  files_.push_back(std::make_shared<TensorFile>(file));
  for (const auto& entry : files_.back()->entries()) {
    const auto [place, is_new] = places_.emplace(entry.name, files_.back());
    if (!is_new)
      throw FormatError(Origin{file, 0, 0}, "tensor '" + entry.name + "' is also in " + place->second->path() +
                                                "; expected every tensor in one shard");
  }
}

// Tensor → the file beside the index that holds it.
std::map<std::string, std::string> TensorFolder::read_weight_map(const std::string& index) const {
  const Value root = parse_json(read_file(index), index);
  const Value* map = root.is_map() ? root.find("weight_map") : nullptr;
  if (!map || !map->is_map() || map->members().empty())
    throw FormatError(Origin{index, 0, 0}, "no map 'weight_map' of tensors to files");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : map->members()) {
    if (!shard.is_text() || !is_shard(shard.text()))
      throw FormatError(Origin{index, 0, 0}, "tensor '" + name + "' is said to be in " + to_json(shard) +
                                                 "; expected a .safetensors or .bin file beside the index");
    shards[name] = shard.text();
  }
  return shards;
}

void TensorFolder::read_index(const std::string& index) {
  const auto shards = read_weight_map(index);
  std::set<std::string> names;
  for (const auto& [name, shard] : shards) names.insert(shard);
  std::vector<std::string> missing;
  for (const auto& name : names)
    if (!exists(path_ + "/" + name)) missing.push_back(name);
  if (!missing.empty())
    throw FormatError(Origin{index, 0, 0}, "of the " + std::to_string(names.size()) +
                                               " shards that it names, these are not beside it: " + few(missing) +
                                               "; fetch the rest of the checkpoint");
  for (const auto& name : names) add(path_ + "/" + name);
  for (const auto& [name, shard] : shards) {
    const auto place = places_.find(name);
    if (place == places_.end() || place->second->path() != path_ + "/" + shard)
      missing.push_back(name + " (" + shard + ")");
  }
  if (!missing.empty())
    throw FormatError(Origin{index, 0, 0}, "tensors that are not in the shards that it names: " + few(missing) +
                                               "; the index is of another checkpoint, or a shard is");
}

}  // namespace atp::t5
