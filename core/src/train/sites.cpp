#include <utility>

#include "atp/backbone.h"

namespace atp {

Backbone::~Backbone() = default;

void Sites::attach(const std::string& site, SiteFunction function) {
  for (auto& [name, functions] : functions_)
    if (name == site) return functions.push_back(std::move(function));
  functions_.emplace_back(site, std::vector<SiteFunction>{std::move(function)});
}

const std::vector<SiteFunction>* Sites::find(const std::string& site) const {
  for (const auto& [name, functions] : functions_)
    if (name == site) return &functions;
  return nullptr;
}

std::vector<std::string> Sites::names() const {
  std::vector<std::string> names;
  for (const auto& [name, functions] : functions_) names.push_back(name);
  return names;
}

}  // namespace atp
