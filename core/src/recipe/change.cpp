#include "recipe/change.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "recipe/recipe.h"

namespace atp {

bool names_plugin(std::string_view key) { return key == "backbone" || key == "method" || key == "combiner"; }

namespace {

void make_choice_a_map(Value& choice) {
  Value map = Value::map();
  map.origin = choice.origin;
  map.key_origin = choice.key_origin;
  choice.key_origin = choice.origin;
  map.set("name", choice);
  choice = std::move(map);
}

bool names_another(const Value& base, const Value& over) {
  const Value* before = base.find("name");
  const Value* after = over.find("name");
  return before && after && !(*before == *after);
}

std::vector<std::string> keys_of(const Value& map) {
  std::vector<std::string> keys;
  for (const auto& member : map.members()) keys.push_back(member.first);
  return keys;
}

// The longest key of `map` that is all of `path` or stands before a dot in it; else the path's first word.
std::string_view first_key(const Value& map, std::string_view path) {
  std::string_view found = {};
  for (const auto& member : map.members()) {
    const std::string& key = member.first;
    const bool fits = path.starts_with(key) && (path.size() == key.size() || path[key.size()] == '.');
    if (fits && key.size() > found.size()) found = path.substr(0, key.size());
  }
  return found.empty() ? path.substr(0, path.find('.')) : found;
}

Value* list_item(Value& list, std::string_view word) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
  const bool is_number = error == std::errc() && end == word.data() + word.size();
  return is_number && index < list.items().size() ? &list.items()[index] : nullptr;
}

// A way from the recipe's root to the value that a dotted key means.
class Way {
 public:
  Way(Value& tree, std::string_view key, const Origin& place, Problems& problems)
      : node_(&tree), key_(key), rest_(key), place_(place), problems_(problems) {}

  void set(Value value) {
    while (node_ && !rest_.empty()) {
      if (!step_into(value)) return;
    }
  }

 private:
  // One word further; false at the end of the way or where it leads nowhere.
  bool step_into(Value& value) {
    if (node_->is_text() && names_plugin(last_)) make_choice_a_map(*node_);
    if (node_->is_null()) {
      const Origin key_origin = node_->key_origin;
      *node_ = Value::map();
      node_->origin = place_;
      node_->key_origin = key_origin;
    }
    if (node_->is_list()) return step_into_item(value);
    if (!node_->is_map()) {
      return refuse("'" + before() + "' is " + node_->type_name() + " '" + node_->scalar_text() + "', no map");
    }
    // Axes are called by whole dotted keys.
    const std::string word(before() == "sweep" && !node_->find(first_key(*node_, rest_)) ? rest_
                                                                                         : first_key(*node_, rest_));
    if (word.empty()) return refuse("a word is missing between two dots");
    const bool is_last = word.size() == rest_.size();
    if (!is_last && !is_there(word)) return false;
    rest_.remove_prefix(std::min(rest_.size(), word.size() + 1));
    Value* next = node_->find(word);
    if (is_last) return arrive(next, word, std::move(value));
    if (!next) {
      next = &node_->set(word, Value::map());
      next->origin = next->key_origin = place_;
    }
    node_ = next;
    last_ = word;
    return true;
  }

  bool step_into_item(Value& value) {
    const std::string_view word = rest_.substr(0, rest_.find('.'));
    Value* item = list_item(*node_, word);
    if (!item) {
      return refuse("'" + before() + "' is a list of " + std::to_string(node_->items().size()) +
                    "; expected a number from 0 in place of '" + std::string(word) + "'");
    }
    rest_.remove_prefix(std::min(rest_.size(), word.size() + 1));
    last_ = word;
    if (!rest_.empty()) {
      node_ = item;
      return true;
    }
    merge(*item, value, last_);
    return false;
  }

  bool arrive(Value* old, const std::string& word, Value value) {
    value.key_origin = place_;
    if (!old) {
      node_->set(word, std::move(value));
      return false;
    }
    if (value.is_null()) {
      node_->erase(word);
      return false;
    }
    const Origin old_key = old->key_origin;
    const bool merges = old->is_map() && value.is_map();
    merge(*old, value, word);
    if (merges) old->key_origin = old_key;
    return false;
  }

  // A step, and its verb, must be there before something in it can change.
  bool is_there(const std::string& word) {
    const std::string path = before();
    const Value* steps = path.empty() && !node_->find(word) ? node_->find("steps") : nullptr;
    if (steps && steps->is_map() && steps->find(word))
      return refuse("step '" + word + "' stands below 'steps': steps." + std::string(key_));
    if (path == "steps" && !node_->find(word))
      return refuse("no step '" + word + "'" + did_you_mean(word, keys_of(*node_)));
    const bool in_step = path.starts_with("steps.") && path.find('.', 6) == std::string::npos;
    if (in_step && !node_->find(word) && node_->members().size() == 1)
      return refuse("step '" + path.substr(6) + "' has no '" + word + "'; its keys start with '" + path + "." +
                    node_->members().front().first + ".'");
    return true;
  }

  std::string before() const {
    const std::size_t length = key_.size() - rest_.size();
    return std::string(key_.substr(0, length == 0 ? 0 : length - 1));
  }

  bool refuse(const std::string& why) {
    problems_.add(place_, "'" + std::string(key_) + "' cannot be set: " + why);
    return false;
  }

  Value* node_;
  std::string_view key_, rest_;
  std::string last_;
  const Origin& place_;
  Problems& problems_;
};

}  // namespace

void merge(Value& base, const Value& over, std::string_view key) {
  if (names_plugin(key) && base.is_text() && over.is_map() && !over.find("name")) make_choice_a_map(base);
  if (!base.is_map() || !over.is_map() || (names_plugin(key) && names_another(base, over))) {
    base = over;
    return;
  }
  for (const auto& [name, value] : over.members()) {
    if (Value* old = base.find(name); old && value.is_null())
      base.erase(name);
    else if (old)
      merge(*old, value, name);
    else
      base.set(name, value);
  }
}

const Value* look_up(const Value& tree, std::string_view key) {
  const Value* node = &tree;
  while (node && !key.empty()) {
    std::string_view word = key.substr(0, key.find('.'));
    if (node->is_map()) {
      word = first_key(*node, key);
      node = node->find(word);
    } else if (node->is_list()) {
      node = list_item(const_cast<Value&>(*node), word);
    } else {
      return nullptr;
    }
    key.remove_prefix(std::min(key.size(), word.size() + 1));
  }
  return node;
}

void change(Value& tree, const std::string& key, Value value, const Origin& place, Problems& problems) {
  Way(tree, key, place, problems).set(std::move(value));
}

}  // namespace atp
