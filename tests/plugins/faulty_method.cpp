// A method that is made without complaint and throws while it trains: in `embed`, at a site or in `extra_loss`.
#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <atp/method.h>
#include <atp/plugin.h>

#include <stdexcept>

namespace {

class Faulty final : public atp::Method {
 public:
  static atp::Options options() { return {atp::text("place", "embed").one_of({"embed", "site", "loss"})}; }

  Faulty(const atp::MethodContext& context, const atp::Params& params)
      : place_(params.text("place")),
        vector_(parameter("vector", {context.backbone->shape().width}, "vector", atp::initial::zeros())) {
    if (place_ != "site") return;
    for (const auto& site : context.backbone->sites())
      if (site.kind == atp::Site::Kind::sublayer)
        sites_.attach(site.name, {.after = [](const at::Tensor& input, const at::Tensor&, const atp::SiteContext&) {
                        return multiplied(input);
                      }});
  }

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    const auto text = backbone.embed(batch.ids);
    return {.values = (place_ == "embed" ? multiplied(text) : text) + vector_.value,
            .lengths = batch.lengths,
            .weights = {}};
  }
  at::Tensor extra_loss(const atp::Batch&, const atp::Encoded&, const atp::Backbone&, const atp::Pass&) const override {
    if (place_ == "loss") throw std::out_of_range("no such task");
    return {};
  }
  const atp::Sites* sites() const override { return &sites_; }

 private:
  // Of shapes that do not fit.
  static at::Tensor multiplied(const at::Tensor& states) {
    const auto rows = states.flatten(0, -2);
    return at::matmul(rows, rows);
  }

  std::string place_;
  atp::Parameter& vector_;
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "faulty",
                             .summary = "for tests",
                             .options = Faulty::options(),
                             .make = std::make_shared<Faulty, const atp::MethodContext&, const atp::Params&>});
}
