// DePT (Shi & Lipani 2024, §2): a prompt cut in two, a shorter prompt and a low-rank update of the text's embeddings.
//   [P ; X + s · A B],   row i of A B for the i-th token of a text,   s = alpha / √rank
// Trained: P [m, d]; A [max_length, r] and B [r, d], with a learning rate of their own. The authors' code has the scale
// and the first values (A even within ±1/√r, B zeros), which the paper does not print. m = 40 and r = 45 on T5-base
// with texts of 256 tokens cost what a prompt of 100 tokens does: 40 · 768 + (256 + 768) · 45 = 76,800.
#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/matmul.h>
#include <atp/method.h>
#include <atp/plugin.h>

#include <algorithm>
#include <cmath>

namespace {

class DePT final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::integer("prompt_length", 40).at_least(1).unit("tokens").help("m, tokens of the soft prompt"),
            atp::integer("rank", 45).at_least(1).help("r, of the update of the embeddings"),
            atp::integer("max_length")
                .at_least(1)
                .unit("tokens")
                .help("places of a text whose embeddings are updated; those behind them stay as they are; the longest "
                      "source where not given"),
            atp::number("alpha", 8).positive().help("the update is scaled by alpha / √rank"),
            atp::map("learning_rates", atp::Value(atp::Value::Map{{"low_rank", 5e-4}}))
                .help("parameter group → its own rate; the groups are prompt and low_rank"),
            atp::start_from_option()};
  }

  DePT(const atp::MethodContext& context, const atp::Params& params) : DePT(context, params.integer("rank"), params) {}

  atp::Embedded embed(const atp::Batch& batch, const atp::Backbone& backbone) const override {
    auto text = Method::embed(batch, backbone);  // [B, l, d]
    text.values = text.values + update(text.values.size(1)).to(text.values.scalar_type());
    return atp::prepend(prompt_, text);
  }

  std::string prompt() const override { return {}; }  // none without the update that it was trained with

 private:
  DePT(const atp::MethodContext& context, std::int64_t rank, const atp::Params& params)
      : scale_(params.number("alpha") / std::sqrt(static_cast<double>(rank))),
        prompt_(parameter("prompt", {params.integer("prompt_length"), context.backbone->shape().width}, "prompt",
                          atp::initial::vocabulary())),
        a_(parameter("low_rank.A", {params.optional_integer("max_length").value_or(context.source_length), rank},
                     "low_rank", atp::initial::uniform(1 / std::sqrt(static_cast<double>(rank))))),
        b_(parameter("low_rank.B", {rank, context.backbone->shape().width}, "low_rank", atp::initial::zeros())) {
    if (params.said("max_length") && context.source_length > 0 && params.integer("max_length") > context.source_length)
      context.note(params.origin("max_length"), "no source has more than " + std::to_string(context.source_length) +
                                                    " tokens (source_length): what 'max_length' has beyond them is "
                                                    "counted and never used");
  }

  at::Tensor update(std::int64_t length) const {  // [l, d]
    const auto updated = std::min(length, a_.value.size(0));
    const auto update = at::matmul(a_.value.narrow(0, 0, updated), b_.value) * scale_;
    return at::constant_pad_nd(update, {0, 0, 0, length - updated});
  }

  double scale_;
  atp::Parameter& prompt_;
  atp::Parameter& a_;
  atp::Parameter& b_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "dept",
                             .summary = "a short prompt and a low-rank update of the embeddings (Shi & Lipani 2024)",
                             .options = DePT::options(),
                             .make = std::make_shared<DePT, const atp::MethodContext&, const atp::Params&>});
}
