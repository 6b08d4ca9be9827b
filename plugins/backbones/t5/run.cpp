#include "run.h"

#include <atp/error.h>

namespace atp::t5 {

int SiteTable::add(Site site) {
  const int number = static_cast<int>(sites_.size());
  numbers_[site.name] = number;
  sites_.push_back(std::move(site));
  return number;
}

std::vector<const std::vector<SiteFunction>*> SiteTable::resolve(const Sites& attached) const {
  std::vector<const std::vector<SiteFunction>*> functions(sites_.size(), nullptr);
  for (const std::string& name : attached.names()) {
    const auto number = numbers_.find(name);
    if (number == numbers_.end()) {
      std::vector<std::string> known;
      for (const Site& site : sites_) known.push_back(site.name);
      throw PluginError("backbone t5 has no site '" + name + "'" + did_you_mean(name, known));
    }
    const auto place = static_cast<std::size_t>(number->second);
    const Site::Kind kind = sites_[place].kind;
    functions[place] = attached.find(name);
    for (const SiteFunction& function : *functions[place])
      if (function.before && kind != Site::Kind::linear)
        throw PluginError("site '" + name + "' has no input that could be changed: attach `after`, not `before`");
  }
  return functions;
}

Run::Run(const Pass& pass, const SiteTable& table, const Encoded* encoded)
    : rate_(pass.dropout), generator_(pass.generator), context_{pass.tasks, encoded, pass.generator} {
  if (rate_ < 0 || rate_ >= 1) throw PluginError("dropout " + std::to_string(rate_) + "; expected 0 to below 1");
  if (rate_ > 0 && !generator_) throw PluginError("a pass with dropout needs a generator");
  if (pass.sites && !pass.sites->empty()) functions_ = table.resolve(*pass.sites);
}

at::Tensor Run::before(int site, at::Tensor input) const {
  for (const SiteFunction& function : *functions_[static_cast<std::size_t>(site)])
    if (function.before) input = function.before(input, context_);
  return input;
}

at::Tensor Run::after(int site, const at::Tensor& input, at::Tensor output) const {
  for (const SiteFunction& function : *functions_[static_cast<std::size_t>(site)])
    if (function.after) output = function.after(input, output, context_);
  return output;
}

at::Tensor Run::drop(const at::Tensor& values) const {
  return rate_ == 0 ? values : drop_out(values, rate_, *generator_);
}

}  // namespace atp::t5
