#include <algorithm>
#include <boost/filesystem.hpp>
#include <functional>
#include <map>

#include "recipe/resolver.h"
#include "recipe/words.h"

namespace atp {

namespace {

std::vector<std::string> names_of(const std::deque<DeclaredStep>& steps) {
  std::vector<std::string> names;
  names.reserve(steps.size());
  for (const auto& step : steps) names.push_back(step.name);
  return names;
}

std::string title_of(const std::string& step, const std::string& item) {
  return item.empty() ? step : step + "." + item;
}

// As a recipe names it: "joint.boolq", "joint.source_prompts.mnli".
std::string words_of(const Input& input) {
  if (!input.file.empty()) return input.file;
  return title_of(input.step, input.item) + (input.row < 0 ? "" : "." + input.part + "." + input.label);
}

bool looks_like_file(const std::string& text) {
  const auto has = [&](const char* end) { return text.ends_with(end); };
  return text.find('/') != std::string::npos || has(".pt") || has(".npy") || has(".safetensors") || has(".bin");
}

}  // namespace

const DeclaredStep* References::declared(const std::string& name) const {
  const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const auto& step) { return step.name == name; });
  return found == steps_.end() ? nullptr : &*found;
}

const Step* References::find(const Input& input) const {
  const DeclaredStep* step = declared(input.step);
  if (!step) return nullptr;
  for (const auto& result : step->results)
    if (result.item == input.item) return &result;
  return nullptr;
}

std::vector<Input> References::results(const Value& word, const std::string& role,
                                       const std::vector<std::string>& verbs, bool takes_prompts) const {
  if (!word.is_text()) {
    problems_.add(word.origin, "'" + role + "': found " + found_text(word) + ", expected a step or one of its results");
    return {};
  }
  const std::string name = word.text().substr(0, word.text().find('.'));
  const std::string item = name.size() < word.text().size() ? word.text().substr(name.size() + 1) : "";
  const DeclaredStep* step = declared(name);
  if (!step) {
    const std::string nearest = did_you_mean(name, names_of(steps_));
    const std::string hint = looks_like_file(word.text()) ? "; a file is written {file: " + word.text() + "}"
                             : nearest.empty()            ? "; there are: " + joined(names_of(steps_))
                                                          : nearest;
    problems_.add(word.origin, "'" + role + "': no step '" + name + "'" + hint);
    return {};
  }
  if (step->verb.empty()) return {};  // what is wrong with it is reported where it stands
  if (!contains(verbs, step->verb)) {
    problems_.add(word.origin, "'" + role + "': '" + name + "' is a step that says '" + step->verb +
                                   "'; expected one that says " + joined(verbs));
    return {};
  }
  Input input;
  input.role = role;
  input.step = name;
  input.origin = word.origin;
  if (takes_prompts)
    if (auto kept = kept_prompts(*step, item, input)) return *kept;
  if (!item.empty()) return named_result(*step, item, input);
  std::vector<Input> all;
  for (const auto& result : step->results) {
    all.push_back(input);
    all.back().item = result.item;
  }
  return all;
}

std::vector<Input> References::named_result(const DeclaredStep& step, const std::string& item, Input input) const {
  std::vector<std::string> names;
  for (const auto& result : step.results) {
    if (!result.item.empty()) {
      if (result.item == item) {
        input.item = item;
        return {input};
      }
      names.push_back(result.item);
      continue;
    }
    for (const auto& task : result.tasks) {
      if (task.name == item) {
        if (result.tasks.size() > 1) input.task = item;
        return {input};
      }
      names.push_back(task.name);
    }
  }
  if (step.is_broken) return {};
  const std::string nearest = did_you_mean(item, names);
  problems_.add(input.origin, "'" + input.role + "': step '" + step.name + "' has no result '" + item + "'" +
                                  (nearest.empty() ? "; there are: " + joined(names) : nearest));
  return {};
}

namespace {

// What tells a source prompt from the others of its result: "mnli" of sources.mnli.
std::string label_of(const Input& source) {
  for (const auto& word : {source.label, source.task, source.item, source.step})
    if (!word.empty()) return word;
  return boost::filesystem::path(source.file).stem().string();
}

}  // namespace

// "joint.source_prompts", "joint.boolq.source_prompts": the source prompts that a result keeps, trained there or not;
// "joint.source_prompts.mnli": one of them. Nothing where `item` means something else.
std::optional<std::vector<Input>> References::kept_prompts(const DeclaredStep& step, const std::string& item,
                                                           Input input) const {
  const std::string key = "source_prompts", dotted = "." + item + ".";
  const auto at = dotted.find("." + key + ".");
  const auto is_result = [&](const Step& result) { return result.item == item; };
  if (at == std::string::npos || std::any_of(step.results.begin(), step.results.end(), is_result)) return {};
  const std::string whose = at == 0 ? "" : dotted.substr(1, at - 1), rest = dotted.substr(at + key.size() + 2);
  const std::string one = rest.empty() ? "" : rest.substr(0, rest.size() - 1);

  std::vector<const Step*> results;
  std::vector<std::string> words;
  for (const auto& result : step.results) {
    if (whose.empty() || result.item == whose) results.push_back(&result);
    words.push_back(result.title() + "." + key);
  }
  if (results.size() != 1) {
    if (!step.is_broken)
      problems_.add(input.origin, "'" + input.role + "': step '" + step.name + "' makes " +
                                      std::to_string(step.results.size()) +
                                      " results; expected the source prompts of one: " + joined(words));
    return std::vector<Input>();
  }
  const Step& result = *results.front();
  const Option* option = result.method ? result.method->options.options().find(key) : nullptr;
  if (!option || !result.method->options.has(key)) {
    problems_.add(input.origin, "'" + input.role + "': '" + result.title() +
                                    "' has no source prompts (its method is '" +
                                    (result.method ? result.method->name : "") + "')");
    return std::vector<Input>();
  }
  if (depth_ > steps_.size()) {
    problems_.add(input.origin, "'" + input.role + "': the source prompts of '" + result.title() +
                                    "' are, by way of others, its own");
    return std::vector<Input>();
  }
  ++depth_;
  const auto sources = inputs(result.method->options.value(key), *option);
  --depth_;
  std::vector<Input> kept;
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    input.item = result.item;
    input.part = key;
    input.row = static_cast<int>(i);
    input.label = label_of(sources[i]);
    if (contains(labels, input.label)) input.label += "-" + std::to_string(i + 1);
    labels.push_back(input.label);
    if (one.empty() || input.label == one) kept.push_back(input);
  }
  if (kept.empty() && !sources.empty()) {
    const std::string nearest = did_you_mean(one, labels);
    problems_.add(input.origin, "'" + input.role + "': '" + result.title() + "' has no source prompt '" + one + "'" +
                                    (nearest.empty() ? "; there are: " + joined(labels) : nearest));
  }
  return kept;
}

std::vector<Input> References::files(const Value& map, const std::string& role) const {
  std::vector<Input> inputs;
  const auto add = [&](const Value& path, const std::string& part) {
    if (!path.is_text())
      return problems_.add(path.origin, "'" + role + "': found " + found_text(path) + ", expected a file's path");
    Input input;
    input.role = role;
    input.part = part;
    input.file = absolute_path(path.text(), path.origin);
    input.origin = path.origin;
    if (boost::filesystem::is_directory(input.file))  // of a result
      if (const std::string folder = result_folder(input.file); !folder.empty())
        input.file = folder + "/checkpoint/tensors.safetensors";
    if (!boost::filesystem::is_regular_file(input.file))
      problems_.add(path.origin, "'" + role + "': no file '" + input.file + "'" +
                                     (boost::filesystem::is_directory(input.file)
                                          ? ", but a folder, and none of a result; name the file that is meant"
                                          : ""));
    inputs.push_back(std::move(input));
  };
  for (const auto& [key, value] : map.members()) {
    if (key == "file") {
      add(value, "");
    } else if (key == "task" && value.is_text() && map.find("file")) {
      continue;  // below
    } else if (key == "files" && role == "attention_from" && value.is_map()) {
      for (const auto& [part, path] : value.members()) add(path, part);
    } else {
      const std::string forms = role == "attention_from" ? "{file: PATH} or {files: {TENSOR: PATH}}"
                                                         : "{file: PATH} or {file: PATH, task: NAME}";
      problems_.add(value.key_origin, "'" + role + "': found '" + key + "', expected " + forms);
    }
  }
  if (const Value* task = map.find("task"); task && task->is_text())
    for (auto& input : inputs) input.task = task->text();
  return inputs;
}

std::vector<Input> References::inputs(const Value& value, const Option& option) const {
  const std::string& role = option.key;
  const bool takes_prompts = option.input != Option::Input::results && role != "attention_from";
  if (value.is_null()) return {};
  if (value.is_map()) return files(value, role);
  if (value.is_list() && option.names_several()) {
    std::vector<Input> all;
    for (const auto& item : value.items())
      for (auto& input : item.is_map() ? files(item, role) : results(item, role, {"train"}, takes_prompts))
        all.push_back(std::move(input));
    if (value.items().empty())
      problems_.add(value.origin, "'" + role + "' is empty; expected at least one result or file");
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (all[i].file == all[j].file && all[i].task == all[j].task && all[i].part == all[j].part &&
            all[i].row == all[j].row && title_of(all[i].step, all[i].item) == title_of(all[j].step, all[j].item))
          problems_.add(all[i].origin, "'" + role + "' has '" + words_of(all[i]) + "' twice");
    return all;
  }
  auto found = results(value, role, {"train"}, takes_prompts);
  if (option.names_several() || found.size() < 2) return found;
  std::vector<std::string> titles;
  titles.reserve(found.size());
  for (const auto& input : found) titles.push_back(words_of(input));
  problems_.add(value.origin, "'" + role + "': step '" + value.text() + "' makes " + std::to_string(found.size()) +
                                  " results; expected one of: " + joined(titles));
  return {};
}

namespace {

class Sorter {
 public:
  Sorter(std::vector<Step>& steps, Problems& problems) : steps_(steps), problems_(problems) {
    for (std::size_t i = 0; i < steps.size(); ++i) index_[title_of(steps[i].name, steps[i].item)] = i;
  }

  std::vector<Step> sort() {
    std::vector<Step> sorted;
    marks_.assign(steps_.size(), Mark::none);
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (marks_[i] == Mark::none) visit(i);
    for (const std::size_t i : order_) sorted.push_back(std::move(steps_[i]));
    return sorted;
  }

 private:
  enum class Mark { none, open, done };

  void visit(std::size_t i) {
    marks_[i] = Mark::open;
    way_.push_back(steps_[i].title());
    for (const auto& input : steps_[i].inputs) {
      const auto found = input.file.empty() ? index_.find(title_of(input.step, input.item)) : index_.end();
      if (found == index_.end() || marks_[found->second] == Mark::done) continue;
      if (marks_[found->second] == Mark::open)
        report_cycle(found->first, input);
      else
        visit(found->second);
    }
    way_.pop_back();
    marks_[i] = Mark::done;
    order_.push_back(i);
  }

  void report_cycle(const std::string& title, const Input& input) {
    std::string circle;
    for (auto one = std::find(way_.begin(), way_.end(), title); one != way_.end(); ++one) circle += *one + " ← ";
    problems_.add(input.origin, "steps wait for each other: " + circle + title);
  }

  std::vector<Step>& steps_;
  Problems& problems_;
  std::map<std::string, std::size_t> index_;
  std::vector<Mark> marks_;
  std::vector<std::string> way_;
  std::vector<std::size_t> order_;
};

}  // namespace

std::vector<Step> in_order(std::vector<Step> steps, Problems& problems) { return Sorter(steps, problems).sort(); }

std::string Step::title() const { return title_of(name, item); }

std::vector<Step> select_steps(std::vector<Step> steps, const std::vector<std::string>& only, Problems& problems) {
  if (only.empty()) return steps;
  std::vector<std::string> wanted, titles;
  for (const auto& step : steps) {
    if (!contains(titles, step.name)) titles.push_back(step.name);
    if (!step.item.empty()) titles.push_back(step.title());
  }
  for (const auto& name : only) {
    if (contains(titles, name))
      wanted.push_back(name);
    else
      problems.add({"--only " + name}, "no such step; there are: " + joined(titles));
  }
  std::vector<Step> selected;
  std::reverse(steps.begin(), steps.end());  // readers stand after what they read
  for (auto& step : steps) {
    if (!contains(wanted, step.name) && !contains(wanted, step.title())) continue;
    for (const auto& input : step.inputs)
      if (input.file.empty()) wanted.push_back(title_of(input.step, input.item));
    selected.push_back(std::move(step));
  }
  std::reverse(selected.begin(), selected.end());
  return selected;
}

}  // namespace atp
