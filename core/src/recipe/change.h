#pragma once

#include <string>
#include <string_view>

#include "atp/error.h"
#include "atp/value.h"

// How one part of a recipe changes another: `extends`, --set and the axes of a sweep all do it by these rules.
namespace atp {

// Whether a value under this key names a plugin: text, or {name, options}.
bool names_plugin(std::string_view key);

// Maps merge, lists and scalars are replaced, and what null is said for is taken out. Under a key that names a plugin a
// map with another `name` replaces too.
void merge(Value& base, const Value& over, std::string_view key = {});

// The value at a dotted key ("steps.target.train.seed"), where a number addresses an item of a list and a key that
// holds dots itself is found whole; nullptr where there is none.
const Value* look_up(const Value& tree, std::string_view key);

// Sets (or, for a map, merges) the value at a dotted key, making maps on the way. `place` is where the key was said.
// Adds a problem where the way leads through something that is no map, or to a step that is not there.
void change(Value& tree, const std::string& key, Value value, const Origin& place, Problems& problems);

}  // namespace atp
