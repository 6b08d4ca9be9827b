#pragma once

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "recipe/recipe.h"

namespace atp::test {

// A catalogue read from a YAML file, kind → name → {summary, options: {key: {type, default, …}}, fails}: recipes can
// then be checked without a plugin. `fails: MESSAGE` stands for a library that cannot be loaded.
class FileCatalogue final : public Catalogue {
 public:
  explicit FileCatalogue(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("no catalogue " + path);
    std::ostringstream text;
    text << file.rdbuf();
    const Value kinds = parse_yaml(text.str(), path);
    for (const auto& [kind, entries] : kinds.members()) {
      for (const auto& [name, said] : entries.members()) {
        auto& entry = entries_[kind][name];
        entry.kind = kind;
        entry.name = name;
        if (const Value* summary = said.find("summary")) entry.summary = summary->text();
        if (const Value* fails = said.find("fails")) failing_[kind + " " + name] = fails->text();
        if (const Value* options = said.find("options"))
          for (const auto& [key, value] : options->members()) entry.options.add(option(key, value));
      }
    }
  }

  const Registry::Entry* find(const std::string& kind, const std::string& name) override {
    if (const auto failing = failing_.find(kind + " " + name); failing != failing_.end())
      throw PluginError(failing->second);
    const auto& entries = entries_[kind];
    const auto found = entries.find(name);
    return found == entries.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names(const std::string& kind) override {
    std::vector<std::string> names;
    for (const auto& entry : entries_[kind]) names.push_back(entry.first);
    return names;
  }

 private:
  static Option option(const std::string& key, const Value& said) {
    static const std::map<std::string, Option (*)(std::string, Value)> makers{
        {"boolean", boolean}, {"integer", integer}, {"number", number}, {"text", text},
        {"path", path},       {"list", list},       {"map", map},       {"any", any}};
    Value fallback = said.find("default") ? *said.find("default") : Value();
    fallback.origin = fallback.key_origin = {};
    Option option = makers.at(said.at("type").text())(key, std::move(fallback));
    if (const Value* least = said.find("at_least")) option.at_least(least->number());
    if (said.find("positive")) option.positive();
    if (said.find("required")) option.required();
    if (said.find("nullable")) option.nullable();
    if (const Value* names = said.find("names"))
      option.names(names->text() == "prompts" ? Option::Input::prompts : Option::Input::first_values);
    if (const Value* help = said.find("help")) option.help(help->text());
    if (const Value* choices = said.find("one_of"))
      for (const auto& choice : choices->items()) option.choices.push_back(choice.text());
    return option;
  }

  std::map<std::string, std::map<std::string, Registry::Entry>> entries_;
  std::map<std::string, std::string> failing_;
};

}  // namespace atp::test
