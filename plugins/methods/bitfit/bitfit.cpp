// BitFit (Ben Zaken et al. 2022): bias terms alone. T5 has none, so every linear map, layer norm and the head gets one:
//   y = W x + b,   y = norm(x) ⊙ w + b,   b = 0 at the start
#include <ATen/TensorOperators.h>
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

class BitFit final : public atp::Method {
 public:
  BitFit(const atp::MethodContext& context, const atp::Params& params) {
    const auto places =
        atp::find_sites(*context.backbone, params.where(), "linear maps and layer norms", [](const atp::Site& site) {
          return site.kind == atp::Site::Kind::linear || site.kind == atp::Site::Kind::norm;
        });
    for (const auto& site : places) {
      const auto& bias = parameter(site.name + ".bias", {site.output_width}, "bias", atp::initial::zeros(), false);
      sites_.attach(site.name, {.after = [&bias](const at::Tensor&, const at::Tensor& output, const atp::SiteContext&) {
                      return output + bias.value.to(output.scalar_type());
                    }});
    }
  }

  const atp::Sites* sites() const override { return &sites_; }

 private:
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>(
      {.name = "bitfit",
       .summary = "a bias after every linear map and layer norm (Ben Zaken et al. 2022)",
       .options = {atp::number("learning_rate", 3e-4).at_least(0).help("highest rate of the schedule"),
                   atp::start_from_option()},
       .make = std::make_shared<BitFit, const atp::MethodContext&, const atp::Params&>});
}
