// (IA)³ (Liu et al. 2022, T-Few): keys, values and the feed-forward's hidden states are scaled, in all layers:
//   l_k ⊙ (W_k x),   l_v ⊙ (W_v x),   W_o (l_ff ⊙ h),   l = 1 at the start
#include <ATen/TensorOperators.h>
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

bool scales_input(const atp::Site& site) { return site.module() == "wo"; }

bool is_scaled(const atp::Site& site) {
  return site.kind == atp::Site::Kind::linear && (site.module() == "k" || site.module() == "v" || scales_input(site));
}

class Ia3 final : public atp::Method {
 public:
  Ia3(const atp::MethodContext& context, const atp::Params& params) {
    for (const auto& site :
         atp::find_sites(*context.backbone, params.where(), "linear maps called k, v and wo", is_scaled)) {
      const auto width = scales_input(site) ? site.input_width : site.output_width;
      const auto& scale = parameter(site.name + ".ia3", {width}, "ia3", atp::initial::ones());
      const auto scaled = [&scale](const at::Tensor& values) { return values * scale.value.to(values.scalar_type()); };
      if (scales_input(site))
        sites_.attach(site.name,
                      {.before = [scaled](const at::Tensor& input, const atp::SiteContext&) { return scaled(input); }});
      else
        sites_.attach(site.name, {.after = [scaled](const at::Tensor&, const at::Tensor& output,
                                                    const atp::SiteContext&) { return scaled(output); }});
      scales_.push_back({site, &scale});
    }
  }

  const atp::Sites* sites() const override { return &sites_; }

  // diag(l) W for keys and values, W diag(l) for the feed-forward.
  std::vector<atp::NamedTensor> merged(const atp::Backbone& backbone) const override {
    std::vector<atp::NamedTensor> weights;
    for (const auto& [site, scale] : scales_) {
      const auto& weight = atp::named_weight(backbone, site.name + ".weight");
      const auto factors = scale->value.unsqueeze(scales_input(site) ? 0 : 1);
      weights.emplace_back(site.name + ".weight", weight * factors.to(weight.options()));
    }
    return weights;
  }

 private:
  std::vector<std::pair<atp::Site, const atp::Parameter*>> scales_;
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>(
      {.name = "ia3",
       .summary = "learned scalings of keys, values and hidden states (Liu et al. 2022)",
       .options = {atp::number("learning_rate", 3e-3).at_least(0).help("highest rate of the schedule"),
                   atp::start_from_option()},
       .make = std::make_shared<Ia3, const atp::MethodContext&, const atp::Params&>});
}
