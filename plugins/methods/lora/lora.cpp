// LoRA (Hu et al. 2022): low-rank updates of chosen linear maps, by default the queries and values of all attentions:
//   y = W x + (alpha / r) · B A dropout(x),   A [r, in] drawn evenly from ±1/√in (PEFT's start), B [out, r] = 0
// The dropout is PEFT's lora_dropout: while training alone, at each map by itself, and W sees x as it is.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <atp/error.h>
#include <atp/method.h>
#include <atp/plugin.h>
#include <atp/words.h>

#include <algorithm>
#include <cmath>

namespace {

// The linear maps whose names end in one of the option's words. Throws RecipeError for a word that no map's name ends
// in.
std::vector<atp::Site> targets_of(const atp::Backbone& backbone, const atp::Params& params) {
  const auto maps = atp::find_sites(backbone, params.where(), "linear maps",
                                    [](const atp::Site& site) { return site.kind == atp::Site::Kind::linear; });
  std::vector<std::string> known;
  for (const auto& site : maps)
    if (std::find(known.begin(), known.end(), site.module()) == known.end()) known.push_back(site.module());
  if (params.value("targets").items().empty())
    throw atp::RecipeError(params.origin("targets"),
                           "'targets' is an empty list; expected one or more of " + atp::joined(known));
  std::vector<std::string> wanted;
  for (const auto& word : params.value("targets").items()) {
    wanted.push_back(word.text());
    if (std::find(known.begin(), known.end(), wanted.back()) == known.end())
      throw atp::RecipeError(params.origin("targets"), "'targets': the backbone has no linear map '" + wanted.back() +
                                                           "'" + atp::did_you_mean(wanted.back(), known) + "; it has " +
                                                           atp::joined(known));
  }
  return atp::find_sites(backbone, params.origin("targets"), "'targets'", [&](const atp::Site& site) {
    return site.kind == atp::Site::Kind::linear &&
           std::find(wanted.begin(), wanted.end(), site.module()) != wanted.end();
  });
}

// B A can have no higher rank than the map has.
void check_rank(std::int64_t rank, const atp::Site& site, const atp::Params& params) {
  if (rank <= std::min(site.input_width, site.output_width)) return;
  throw atp::RecipeError(params.origin("rank"), "'rank': found '" + std::to_string(rank) + "', and '" + site.name +
                                                    "' is a map from " + std::to_string(site.input_width) + " to " +
                                                    std::to_string(site.output_width) + "; expected at most " +
                                                    std::to_string(std::min(site.input_width, site.output_width)));
}

class Lora final : public atp::Method {
 public:
  static atp::Options options() {
    return {atp::integer("rank", 8).at_least(1).help("r, of the update"),
            atp::number("alpha", 8.0).positive().help("the update is scaled by alpha / r"),
            atp::number("lora_dropout", 0.0).at_least(0).below(1).help("of the update's input, while training"),
            atp::list("targets", atp::Value::List{"q", "v"}).help("linear maps, by the last part of their names"),
            atp::number("learning_rate", 1e-3).at_least(0).help("highest rate of the schedule"),
            atp::start_from_option()};
  }

  Lora(const atp::MethodContext& context, const atp::Params& params)
      : scale_(params.number("alpha") / static_cast<double>(params.integer("rank"))),
        dropout_(params.number("lora_dropout")) {
    const auto rank = params.integer("rank");
    for (const auto& site : targets_of(*context.backbone, params)) {
      check_rank(rank, site, params);
      const auto bound = 1 / std::sqrt(static_cast<double>(site.input_width));
      const auto& a = parameter(site.name + ".lora_A", {rank, site.input_width}, "lora", atp::initial::uniform(bound));
      const auto& b = parameter(site.name + ".lora_B", {site.output_width, rank}, "lora", atp::initial::zeros());
      updates_.push_back({site.name, &a, &b});
      sites_.attach(site.name, {.after = [&a, &b, this](const at::Tensor& input, const at::Tensor& output,
                                                        const atp::SiteContext& site_context) {
                      const auto type = output.scalar_type();
                      const auto seen =
                          site_context.generator ? atp::drop_out(input, dropout_, *site_context.generator) : input;
                      return output + at::linear(at::linear(seen, a.value.to(type)), b.value.to(type)) * scale_;
                    }});
    }
  }

  const atp::Sites* sites() const override { return &sites_; }

  // W + (alpha / r) · B A
  std::vector<atp::NamedTensor> merged(const atp::Backbone& backbone) const override {
    std::vector<atp::NamedTensor> weights;
    for (const auto& [site, a, b] : updates_) {
      const auto& weight = atp::named_weight(backbone, site + ".weight");
      weights.emplace_back(site + ".weight", weight + (at::matmul(b->value, a->value) * scale_).to(weight.options()));
    }
    return weights;
  }

 private:
  struct Update {
    std::string site;
    const atp::Parameter *a, *b;
  };
  double scale_, dropout_;
  std::vector<Update> updates_;
  atp::Sites sites_;
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add<atp::Method>({.name = "lora",
                             .summary = "low-rank updates of linear maps (Hu et al. 2022)",
                             .options = Lora::options(),
                             .make = std::make_shared<Lora, const atp::MethodContext&, const atp::Params&>});
}
