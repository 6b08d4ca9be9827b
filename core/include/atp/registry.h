#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>

#include "atp/export.h"
#include "atp/options.h"

namespace atp {

// Ties an interface to the kind of its plugins and to the signature of its factories; specialised beside each
// interface:
//   static constexpr const char* kind = "metric";  using Make = std::shared_ptr<const Metric>(const Params&);
template <class T>
struct Interface;

// What a plugin offers under one name.
template <class T>
struct Offer {
  std::string name;
  std::string summary;  // one line, for `atp plugins` and `atp schema`
  Options options;      // what a recipe may say to it; checked before `make` is called
  std::function<typename Interface<T>::Make> make;
};

// Everything that the loaded plugins offer, by kind and name. The kinds are known by their interfaces; the registry
// itself looks into none of them, so that it needs no tensors.
class ATP_EXPORT Registry {
 public:
  struct Entry {
    std::string kind;
    std::string name;
    std::string summary;
    Options options;
    std::string plugin;   // name of the plugin that offers it
    std::string version;  // that plugin's version
    std::string library;  // its file; empty for what is built in
    std::shared_ptr<const void> make;
    std::type_index type = typeid(void);
  };

  template <class T>
  void add(Offer<T> offer) {
    using Function = std::function<typename Interface<T>::Make>;
    add_entry({Interface<T>::kind,
               std::move(offer.name),
               std::move(offer.summary),
               std::move(offer.options),
               {},
               {},
               {},
               std::make_shared<const Function>(std::move(offer.make)),
               typeid(Function)});
  }

  // nullptr where nothing of that name is offered. Entries stay where they are for as long as the registry lives.
  const Entry* find(const std::string& kind, const std::string& name) const;
  const std::deque<Entry>& entries() const { return entries_; }

  // Builds one. Throws PluginError where it is not offered; what the plugin throws is passed on with the plugin's name
  // and the recipe's line in front.
  template <class T, class... Arguments>
  auto make(const std::string& name, Arguments&&... arguments) const {
    using Function = std::function<typename Interface<T>::Make>;
    const Entry& entry = require(Interface<T>::kind, name, typeid(Function));
    return (*static_cast<const Function*>(entry.make.get()))(std::forward<Arguments>(arguments)...);
  }

  // The host says whose entries the following ones are. Two entries of one kind and name: PluginError with both files.
  void set_plugin(std::string plugin, std::string version, std::string library);
  // Takes over an entry of another registry as it is: each plugin registers apart, and what is shadowed stays behind.
  void take(Entry entry);

 private:
  void add_entry(Entry entry);
  const Entry& require(const std::string& kind, const std::string& name, std::type_index type) const;

  std::deque<Entry> entries_;
  std::string plugin_, version_, library_;
};

}  // namespace atp
