// Prefix tuning (Li & Liang 2021), as PEFT applies it to a T5: keys and values of n virtual tokens stand before the
// decoder's own in each self-attention, at the positions before the first token; encoder and cross-attention have none.
//   K = [P_k ; W_k x],   V = [P_v ; W_v x]
// Trained: prefix [n, 2·L, heads · d_kv], keys in slot 2p and values in slot 2p + 1 of pair p = 0 … L−1; PEFT's
// `prompt_embeddings` [n, 2·L·d] is the same in another shape. PEFT gives layer i the pair 2i mod L: with an even L the
// layers i and i + L/2 share one, and every second pair is read by none (`pairs: own` gives layer i pair i).
#include <ATen/ops/concat.h>
#include <atp/method.h>
#include <atp/plugin.h>

namespace {

class PrefixTuning final : public atp::Method {
 public:
  static atp::Options options() {
    return {
        atp::integer("prefix_length", 20).at_least(1).unit("tokens").help("n, virtual tokens"),
        atp::text("pairs", "peft").one_of({"peft", "own"}).help("which of the L pairs layer i reads: 2i mod L, or i"),
        atp::text("initial", "normal")
            .one_of({"normal", "zeros"})
            .help("what the prefix starts from: a standard normal distribution, or zeros"),
        atp::number("learning_rate", 1e-2).at_least(0).help("highest rate of the schedule"), atp::start_from_option()};
  }

  PrefixTuning(const atp::MethodContext& context, const atp::Params& params) {
    if (params.said("initial") && params.has("start_from"))
      context.note(params.origin("initial"), "the prefix starts from 'start_from'; 'initial' has no effect");
    const auto places =
        atp::find_sites(*context.backbone, params.where(), "keys and values of the decoder's self-attentions",
                        [](const atp::Site& site) {
                          return site.decoder && site.part == atp::Site::Part::self_attention &&
                                 (site.kind == atp::Site::Kind::keys || site.kind == atp::Site::Kind::values);
                        });
    const auto layers = context.backbone->shape().decoder_layers;
    const auto& prefix =
        parameter("prefix", {params.integer("prefix_length"), 2 * layers, places.front().output_width}, "prefix",
                  params.text("initial") == "zeros" ? atp::initial::zeros() : atp::initial::normal(1));
    for (const auto& site : places) {
      const auto pair = params.text("pairs") == "peft" ? 2 * site.layer % layers : site.layer;
      const auto slot = 2 * pair + (site.kind == atp::Site::Kind::values ? 1 : 0);
      sites_.attach(site.name,
                    {.after = [&prefix, slot](const at::Tensor&, const at::Tensor& output, const atp::SiteContext&) {
                      const auto own = prefix.value.select(1, slot).to(output.scalar_type());
                      return at::concat({own.expand({output.size(0), -1, -1}), output}, 1);
                    }});
    }
  }

  const atp::Sites* sites() const override { return &sites_; }

 private:
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "prefix_tuning",
                             .summary = "keys and values before the decoder's own (Li & Liang 2021)",
                             .options = PrefixTuning::options(),
                             .make = std::make_shared<PrefixTuning, const atp::MethodContext&, const atp::Params&>});
}
