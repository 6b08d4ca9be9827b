#pragma once

#include <atp/backbone.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace atp::t5 {

// The places that a T5 offers to methods. Layers know their places by number.
class SiteTable {
 public:
  int add(Site site);
  const std::vector<Site>& all() const { return sites_; }

  // The attached functions by place. Throws PluginError naming a site that does not exist, or a `before` where there is
  // no input to change.
  std::vector<const std::vector<SiteFunction>*> resolve(const Sites& attached) const;

 private:
  std::vector<Site> sites_;
  std::unordered_map<std::string, int> numbers_;
};

// One pass through the backbone: its dropout and what is attached to its places.
class Run {
 public:
  Run(const Pass& pass, const SiteTable& table, const Encoded* encoded);

  bool has_sites() const { return !functions_.empty(); }  // something is attached somewhere
  bool is_attached(int site) const { return !functions_.empty() && functions_[static_cast<std::size_t>(site)]; }
  at::Tensor before(int site, at::Tensor input) const;
  at::Tensor after(int site, const at::Tensor& input, at::Tensor output) const;

  bool drops() const { return rate_ > 0; }
  at::Tensor drop(const at::Tensor& values) const;

 private:
  double rate_;
  std::optional<at::Generator> generator_;
  std::vector<const std::vector<SiteFunction>*> functions_;  // empty: nothing is attached anywhere
  SiteContext context_;
};

}  // namespace atp::t5
