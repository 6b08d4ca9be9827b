// AdapterFusion (Pfeiffer et al. 2021): an attention over the adapters of several finished results, in their places.
//   z_n = y + U_n GeLU(D_n y + b_n) + c_n                    what adapter n makes of a sublayer's output y
//   s = softmax_n( (y Q) · (z_n K) ),   y' = Σ_n s_n z_n V   (§3.2)
// Trained: Q, K and V [d, d] of every place, V from the identity, Q and K from N(0, 0.02²); 48 · 3 · d² = 84.9M on
// T5-base. The adapters are kept with the result, without gradient. Ours: the backbone's layer norms, which adapters
// train, too, stay at the mean of those of the results.
#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>
#include <atp/tensor_file.h>

namespace {

class AdapterFusion final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::any("adapters")
                .names(atp::Option::Input::results)
                .help("finished results of adapter, two or more: a step, its results, or files")
                .required(),
            atp::integer("reduction", 32).at_least(1).help("that of the adapters"),
            atp::number("learning_rate", 5e-5).at_least(0).help("highest rate of the schedule"),
            atp::start_from_option()};
  }

  AdapterFusion(const atp::MethodContext& context, const atp::Params& params)
      : count_(context.inputs.at("adapters")),
        width_(context.backbone->shape().width),
        bottleneck_(width_ / params.integer("reduction")) {
    if (count_ < 2)
      throw atp::RecipeError(params.origin("adapters"), "'adapters' names one result; expected two or more to mix");
    if (bottleneck_ < 1)
      throw atp::RecipeError(params.origin("reduction"),
                             "'reduction': found '" + std::to_string(params.integer("reduction")) +
                                 "', expected at most the backbone's width, " + std::to_string(width_));
    for (const auto& site : context.backbone->sites())
      if (site.kind == atp::Site::Kind::norm)
        sites_.attach(site.name, atp::norm_with(buffer(site.name + ".weight", {width_}, mean_of_results)));
    for (const auto& site : atp::find_sites(*context.backbone, params.where(), "sublayers", [](const atp::Site& site) {
           return site.kind == atp::Site::Kind::sublayer && site.part != atp::Site::Part::cross_attention;
         }))
      fuse(site);
  }

  const atp::Sites* sites() const override { return &sites_; }

 private:
  // Each result's tensor of the parameter's name, [n, ...].
  static at::Tensor of_results(const atp::Start& start, const atp::Parameter& parameter) {
    std::vector<at::Tensor> all;
    const auto results = start.results.find("adapters");
    if (results == start.results.end()) throw atp::FormatError("adapter_fusion was given no adapters");
    const std::vector<std::int64_t> wanted(parameter.shape.begin() + 1, parameter.shape.end());
    for (const auto& [name, tensors] : results->second) {
      const auto found = tensors.find(parameter.name);
      if (found == tensors.end())
        throw atp::FormatError("'" + name + "' has no tensor '" + parameter.name +
                               "'; expected a result of method adapter on this backbone");
      auto tensor = found->second;
      if (tensor.dim() == static_cast<std::int64_t>(wanted.size()) + 1 && tensor.size(0) == 1) tensor = tensor[0];
      if (tensor.sizes() != at::IntArrayRef(wanted))
        throw atp::FormatError("'" + parameter.name + "' of '" + name + "' has shape " +
                               atp::shape_text(found->second.sizes()) + "; expected one of one task, " +
                               atp::shape_text(wanted) + ": give the adapters' reduction, and their backbone");
      all.push_back(tensor.to(start.precision));
    }
    return at::stack(all);
  }

  static at::Tensor mean_of_results(const atp::Start& start, const atp::Parameter& parameter) {
    auto one = parameter;
    one.shape.insert(one.shape.begin(), 0);
    return of_results(start, one).mean(0);
  }

  void fuse(const atp::Site& site) {
    const auto kept = [&](const char* what, std::vector<std::int64_t> shape) -> const atp::Parameter& {
      shape.insert(shape.begin(), count_);
      return buffer(site.name + ".adapter." + what, std::move(shape), of_results);
    };
    const auto trained = [&](const char* what, atp::Parameter::Initial first) -> const atp::Parameter& {
      return parameter(site.name + ".fusion." + what, {width_, width_}, "fusion", std::move(first));
    };
    const auto identity = [](const atp::Start& start, const atp::Parameter& parameter) {
      return at::eye(parameter.shape[0], at::TensorOptions(start.device).dtype(start.precision));
    };
    const auto &down = kept("down.weight", {bottleneck_, width_}), &down_bias = kept("down.bias", {bottleneck_});
    const auto &up = kept("up.weight", {width_, bottleneck_}), &up_bias = kept("up.bias", {width_});
    const auto &query = trained("query", atp::initial::normal(0.02)), &key = trained("key", atp::initial::normal(0.02));
    const auto& value = trained("value", identity);
    sites_.attach(site.name,
                  {.before = {}, .after = [&](const at::Tensor&, const at::Tensor& output, const atp::SiteContext&) {
                     const auto adapted = all(output, down, down_bias, up, up_bias);  // [n, B, L, d]
                     return mix(output, adapted, query, key, value);
                   }});
  }

  // z: every adapter's output, [B, L, d] → [n, B, L, d].
  static at::Tensor all(const at::Tensor& output, const at::Tensor& down, const at::Tensor& down_bias,
                        const at::Tensor& up, const at::Tensor& up_bias) {
    const auto map = [type = output.scalar_type()](const at::Tensor& input, const at::Tensor& weight,
                                                   const at::Tensor& bias) {
      return at::matmul(input, weight.to(type).transpose(1, 2).unsqueeze(1)) + bias.to(type).unsqueeze(1).unsqueeze(1);
    };
    return output + map(at::gelu(map(output.unsqueeze(0), down, down_bias), "tanh"), up, up_bias);
  }

  static at::Tensor mix(const at::Tensor& output, const at::Tensor& adapted, const at::Tensor& query,
                        const at::Tensor& key, const at::Tensor& value) {
    const auto type = output.scalar_type();
    const auto asked = at::matmul(at::matmul(output, query.to(type)), key.to(type).t());  // y Q Kᵀ
    const auto shares = at::softmax((asked * adapted).sum(-1, true), 0);                  // [n, B, L, 1]
    return at::matmul((shares * adapted).sum(0), value.to(type));
  }

  std::int64_t count_, width_, bottleneck_;
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "adapter_fusion",
                             .summary = "an attention over finished adapters (Pfeiffer et al. 2021)",
                             .options = AdapterFusion::options(),
                             .make = std::make_shared<AdapterFusion, const atp::MethodContext&, const atp::Params&>});
}
