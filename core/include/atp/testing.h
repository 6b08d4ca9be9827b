#pragma once

#include <dlfcn.h>

#include <exception>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "atp/plugin.h"

// For a plugin's own tests: a program that atp_add_plugin_test makes of the plugin's objects and a test's source, and
// that meets the plugin through the registry, as the host does. Nothing but the standard library is needed.
extern "C" const atp::PluginDescriptor atp_plugin;  // this plugin's

namespace atp::testing {

// What this plugin offers, and what the libraries of an installed atp offer: "backbone/libt5.so".
inline Registry plugins(std::initializer_list<std::string> libraries = {}) {
  Registry registry;
  registry.set_plugin(atp_plugin.name, atp_plugin.version, "this program");
  atp_plugin.register_plugin(registry);
  for (const auto& name : libraries) {
    const auto file = std::string(ATP_PLUGINS "/") + name;
    void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw PluginError(::dlerror());
    const auto* other = static_cast<const PluginDescriptor*>(::dlsym(library, "atp_plugin"));
    registry.set_plugin(other->name, other->version, file);
    other->register_plugin(registry);
  }
  return registry;
}

// Options as a recipe would say them: checked against the table of what is offered, the rest by default.
inline Params options(const Registry& registry, const std::string& kind, const std::string& name,
                      const Value& said = {}) {
  const auto* entry = registry.find(kind, name);
  if (!entry) throw PluginError("no " + kind + " '" + name + "' is registered");
  Problems problems;
  auto params = entry->options.check(said, {}, problems);
  problems.throw_if_any();
  return params;
}

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not so: " + what);
}

// What `work` throws, as a text; "" where it throws nothing.
inline std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

// Runs all tests and says how each went. Gives the program's status: 0 where all went well.
inline int run(const std::vector<std::pair<std::string, std::function<void()>>>& tests) {
  int status = 0;
  for (const auto& [name, test] : tests) {
    const auto fault = message_of(test);
    std::cout << (fault.empty() ? "ok      " : "FAILED  ") << name << (fault.empty() ? "" : ": " + fault) << "\n";
    if (!fault.empty()) status = 1;
  }
  return status;
}

}  // namespace atp::testing
