// Hyperdecoders (Ivison & Peters 2022): a hypernetwork makes the decoder's adapters of each instance from its
// mean-pooled encoder output. The adapters run beside each feed-forward network f, as in the authors' code:
//   x + dropout( f(norm(x)) + A(x) ),   A(x) = U · relu(D · x + b_D) + b_U
//   decoder, layer l:  D, b_D, U, b_U = linear maps of relu(W [mean(H) ; e_l] + b),  H the encoder's output over the
//   instance's own tokens, e_l [10] an embedding of the layer;   encoder: D, b_D, U, b_U are trained as they are.
// Trained: the hypernetwork, shared by all layers, and the encoder's adapters, shared by all tasks: 14,078,008 on
// T5-base, 1.76M for each of 8 tasks (1.8M in ATTEMPT's Table 1). With `encoder_mlp`, as in the authors'
// configurations, mean(H) goes through two more layers: 1.91M a task. Ours: dropout covers A(x) too, since it comes
// after what is attached.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/relu.h>
#include <atp/plugin.h>

#include <cmath>
#include <optional>

#include "hypernetwork.h"

namespace {

constexpr std::int64_t layer_embedding_width = 10;

struct Adapters {              // of a layer, one for each row
  at::Tensor down, down_bias;  // [B, d, b], [B, b]
  at::Tensor up, up_bias;      // [B, b, d], [B, d]
};

class Hyperdecoder final : public HypernetworkMethod {
 public:
  static atp::Options options() {
    return {atp::integer("bottleneck", 64).at_least(1).help("b, width of the adapters"),
            atp::integer("hidden", 128).at_least(1).help("width of the hypernetwork"),
            atp::boolean("encoder_adapters", true).help("the encoder has adapters, too, the same for all instances"),
            atp::boolean("encoder_mlp", false).help("the pooled encoder output goes through two layers first"),
            atp::number("learning_rate", 3e-4).at_least(0).help("highest rate of the schedule"),
            atp::start_from_option()};
  }

  Hyperdecoder(const atp::MethodContext& context, const atp::Params& params)
      : width_(context.backbone->shape().width),
        bottleneck_(params.integer("bottleneck")),
        layers_(parameter("layers", {context.backbone->shape().decoder_layers, layer_embedding_width}, "hypernetwork",
                          atp::initial::normal(1))),
        hidden_(layer("hidden", width_ + layer_embedding_width, params.integer("hidden"))),
        down_(generator("down", params.integer("hidden"), width_ * bottleneck_, width_)),
        down_bias_(generator("down_bias", params.integer("hidden"), bottleneck_, 1)),
        up_(generator("up", params.integer("hidden"), bottleneck_ * width_, bottleneck_)),
        up_bias_(generator("up_bias", params.integer("hidden"), width_, 1)) {
    if (params.boolean("encoder_mlp"))
      for (const auto* name : {"encoder_mlp.0", "encoder_mlp.1"}) mlp_.push_back(layer(name, width_, width_));
    const bool in_encoder = params.boolean("encoder_adapters");
    const auto is_wanted = [&](const atp::Site& site) {
      return site.kind == atp::Site::Kind::sublayer && site.part == atp::Site::Part::feed_forward &&
             (site.decoder || in_encoder);
    };
    for (const auto& site : atp::find_sites(*context.backbone, params.where(), "feed-forward sublayers", is_wanted))
      attach(site, site.decoder ? made(site.layer) : trained(site.name));
  }

 private:
  // A layer with the first values that PyTorch gives to one.
  Linear layer(const std::string& name, std::int64_t in, std::int64_t out) {
    const auto bound = 1 / std::sqrt(static_cast<double>(in));
    return linear(name, "hypernetwork", in, out, atp::initial::uniform(bound), atp::initial::uniform(bound));
  }

  // What makes `out` numbers of an adapter, of which `fan_in` at a time are summed with its input.
  Linear generator(const std::string& name, std::int64_t hidden, std::int64_t out, std::int64_t fan_in) {
    const auto bound = 1e-3 * std::sqrt(3.0 / static_cast<double>(hidden * fan_in));
    return linear("make." + name, "hypernetwork", hidden, out, atp::initial::uniform(bound));
  }

  After trained(const std::string& site) {
    const auto bound = 1e-4 * std::sqrt(6.0 / static_cast<double>(width_ + bottleneck_));
    const auto down = linear(site + ".adapter.down", "adapter", width_, bottleneck_, atp::initial::uniform(bound));
    const auto up = linear(site + ".adapter.up", "adapter", bottleneck_, width_, atp::initial::uniform(bound));
    return [down, up](const at::Tensor& input, const at::Tensor& output, const atp::SiteContext&) {
      return output + up(at::relu(down(input)));
    };
  }

  After made(std::int64_t layer) const {
    return [this, layer](const at::Tensor& input, const at::Tensor& output, const atp::SiteContext& context) {
      const auto [down, down_bias, up, up_bias] = adapters(*context.encoded, layer);
      return output + linear_by_row(at::relu(linear_by_row(input, down, down_bias)), up, up_bias);
    };
  }

  // Generation comes here for every token: without gradients, what was made of an encoder's output is kept, until there
  // are gradients again.
  Adapters adapters(const atp::Encoded& encoded, std::int64_t layer) const {
    if (at::GradMode::is_enabled()) {
      kept_of_.reset();
      kept_.clear();
      return make(encoded, layer);
    }
    if (!kept_of_.is_same(encoded.states)) {
      kept_.assign(static_cast<std::size_t>(layers_.shape[0]), std::nullopt);
      kept_of_ = encoded.states;
    }
    auto& kept = kept_[static_cast<std::size_t>(layer)];
    if (!kept) kept = make(encoded, layer);
    return *kept;
  }

  Adapters make(const atp::Encoded& encoded, std::int64_t layer) const {
    auto instance = atp::mean_over_tokens(encoded.states, encoded.lengths).to(layers_.value.scalar_type());  // [B, d]
    if (!mlp_.empty()) instance = mlp_[1](at::relu(mlp_[0](instance)));
    const auto place = layers_.value[layer].expand({instance.size(0), -1});
    const auto hidden = at::relu(hidden_(at::concat({instance, place}, 1)));
    return {.down = down_(hidden).view({-1, width_, bottleneck_}),
            .down_bias = down_bias_(hidden),
            .up = up_(hidden).view({-1, bottleneck_, width_}),
            .up_bias = up_bias_(hidden)};
  }

  std::int64_t width_, bottleneck_;
  atp::Parameter& layers_;
  Linear hidden_, down_, down_bias_, up_, up_bias_;
  std::vector<Linear> mlp_;
  mutable at::Tensor kept_of_;  // the encoder's output that the kept adapters were made of
  mutable std::vector<std::optional<Adapters>> kept_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "hyperdecoder",
                             .summary = "the decoder's adapters are made of each instance (Ivison & Peters 2022)",
                             .options = Hyperdecoder::options(),
                             .make = std::make_shared<Hyperdecoder, const atp::MethodContext&, const atp::Params&>});
}
