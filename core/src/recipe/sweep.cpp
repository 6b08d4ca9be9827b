#include <algorithm>
#include <optional>

#include "recipe/change.h"
#include "recipe/recipe.h"

namespace atp {

namespace {

constexpr std::size_t most_trials = 10'000;

struct Change {
  std::string key;  // dotted
  Value value;
  Origin place;  // of the key
};

// One point of an axis: what it changes, and what the trials that have it are called.
struct Setting {
  std::string label;
  std::vector<Change> changes;
  Origin place;
};

// Whatever its form in the recipe, an axis is a list of settings.
struct Axis {
  std::string name;
  std::vector<Setting> settings;
  Origin place;
};

std::string label_of(const Value& value) {
  if (value.is_null()) return "none";
  if (const Value* name = value.find("name"); name && name->is_text()) return name->text();
  return value.is_list() || value.is_map() ? to_json(value) : value.scalar_text();
}

Axis list_axis(const std::string& key, const Value& values) {
  Axis axis{key, {}, values.key_origin};
  for (const auto& value : values.items())
    axis.settings.push_back({label_of(value), {{key, value, values.key_origin}}, value.origin});
  return axis;
}

Axis named_axis(const std::string& name, const Value& settings, Problems& problems) {
  Axis axis{name, {}, settings.key_origin};
  for (const auto& [label, changes] : settings.members()) {
    Setting setting{label, {}, changes.key_origin};
    if (changes.is_map()) {
      for (const auto& [key, value] : changes.members()) setting.changes.push_back({key, value, value.key_origin});
    } else if (!changes.is_null()) {
      problems.add(changes.origin, "axis '" + name + "', '" + label + "': found " + changes.type_name() +
                                       ", expected a map of changes, as in {train.batch_size: 16}");
    }
    axis.settings.push_back(std::move(setting));
  }
  return axis;
}

std::optional<Axis> read_axis(const std::string& key, const Value& value, Problems& problems) {
  if (key == "zip" || key == "exclude" || key == "samples" || key == "select") {
    problems.add(value.key_origin,
                 "'" + key + "' is a word of sweeps that is planned, but not there yet; no axis can have this name");
    return {};
  }
  if (!value.is_list() && !value.is_map()) {
    problems.add(value.key_origin, "axis '" + key + "': found " + value.type_name() +
                                       ", expected a list of values for the key '" + key +
                                       "', or a map from labels to changes");
    return {};
  }
  Axis axis = value.is_list() ? list_axis(key, value) : named_axis(key, value, problems);
  if (axis.settings.empty()) problems.add(value.key_origin, "axis '" + key + "' is empty; expected at least one value");
  for (std::size_t i = 0; i < axis.settings.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (axis.settings[i].label == axis.settings[j].label)
        problems.add(axis.settings[i].place, "axis '" + key + "' has '" + axis.settings[i].label + "' twice");
  return axis;
}

// "steps.target.train.seed" is called "seed", or by as many of its last words as no other axis ends with.
void shorten_names(std::vector<Axis>& axes) {
  std::vector<std::string> short_names;
  for (const auto& axis : axes) {
    auto start = axis.name.rfind('.');
    const auto clashes = [&](const std::string& name) {
      return std::any_of(axes.begin(), axes.end(), [&](const Axis& other) {
        return &other != &axis && (other.name == name || other.name.ends_with("." + name));
      });
    };
    while (start != std::string::npos && start > 0 && clashes(axis.name.substr(start + 1)))
      start = axis.name.rfind('.', start - 1);
    short_names.push_back(start == std::string::npos ? axis.name : axis.name.substr(start + 1));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i].name = short_names[i];
}

bool is_report(const Value& recipe, const std::string& key) {
  if (!key.starts_with("steps.")) return false;
  const auto end = key.find('.', 6);
  return end != std::string::npos && key.substr(end + 1).starts_with("report") &&
         look_up(recipe, key.substr(0, end) + ".report");
}

// A key that two axes set, that --set set before them, or that belongs to a step of all trials together.
void check_keys(const Value& recipe, const std::vector<Axis>& axes, Problems& problems) {
  std::vector<std::pair<std::string, const Axis*>> seen;
  for (const auto& axis : axes) {
    for (const auto& setting : axis.settings) {
      for (const auto& change : setting.changes) {
        const auto other = std::find_if(
            seen.begin(), seen.end(), [&](const auto& one) { return one.first == change.key && one.second != &axis; });
        if (other != seen.end())
          problems.add(change.place,
                       "axes '" + other->second->name + "' and '" + axis.name + "' both set '" + change.key + "'");
        const Value* before = look_up(recipe, change.key);
        const bool is_assigned = before && !before->is_map() && before->origin.file.starts_with("--set ");
        if (is_assigned && !change.place.file.starts_with("--set "))
          problems.add(before->origin, "the sweep sets this key too, at " + change.place.text() +
                                           "; set the axis instead: --set \"sweep." + change.key + "=[…]\"");
        if (is_report(recipe, change.key))
          problems.add(change.place, "'" + change.key + "': a report runs once over all trials; no axis can change it");
        seen.emplace_back(change.key, &axis);
      }
    }
  }
}

std::vector<Axis> read_axes(const Value& sweep, Problems& problems) {
  std::vector<Axis> axes;
  if (sweep.is_null()) return axes;
  if (!sweep.is_map()) {
    problems.add(sweep.origin, std::string("'sweep': found ") + sweep.type_name() + ", expected a map of axes");
    return axes;
  }
  for (const auto& [key, value] : sweep.members())
    if (auto axis = read_axis(key, value, problems)) axes.push_back(std::move(*axis));
  return axes;
}

using Point = std::vector<std::pair<const Axis*, const Setting*>>;

// The first axis changes slowest.
std::vector<Point> product(const std::vector<Axis>& axes) {
  std::vector<Point> points{{}};
  for (const auto& axis : axes) {
    if (axis.settings.empty()) continue;  // a problem already; the rest is checked all the same
    std::vector<Point> longer;
    for (const auto& point : points) {
      for (const auto& setting : axis.settings) {
        longer.push_back(point);
        longer.back().emplace_back(&axis, &setting);
      }
    }
    points = std::move(longer);
    if (points.size() > most_trials) break;
  }
  return points;
}

}  // namespace

std::string Trial::name() const {
  std::string name;
  for (const auto& [axis, label] : labels) name += (name.empty() ? "" : ",") + axis + "=" + label;
  return name;
}

std::vector<Trial> expand_sweep(const Value& recipe, Problems& problems) {
  const Value* sweep = recipe.find("sweep");
  auto axes = read_axes(sweep ? *sweep : Value(), problems);
  check_keys(recipe, axes, problems);
  shorten_names(axes);
  const auto points = product(axes);
  if (points.size() > most_trials) {
    problems.add(sweep->key_origin, "the sweep has more than " + std::to_string(most_trials) + " trials");
    return {};
  }
  Value bare = recipe;
  bare.erase("sweep");
  std::vector<Trial> trials;
  for (const auto& point : points) {
    Trial trial{{}, bare};
    for (const auto& [axis, setting] : point) {
      trial.labels.emplace_back(axis->name, setting->label);
      for (const auto& one : setting->changes) change(trial.recipe, one.key, one.value, one.place, problems);
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

}  // namespace atp
