// A whole plugin of two kinds.
#include <atp/metric.h>
#include <atp/plugin.h>
#include <atp/task.h>

namespace {

// Characters that a model wrote, on average.
class Length final : public atp::Metric {
 public:
  double score(const atp::Predictions& predictions) const override {
    double sum = 0;
    for (const auto& text : predictions.texts) sum += static_cast<double>(text.size());
    return predictions.texts.empty() ? 0 : sum / static_cast<double>(predictions.texts.size());
  }
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add(atp::offer({.name = "parrot", .summary = "says it again"}));
  registry.add(atp::Offer<atp::Metric>{
      "length", "mean length", {}, [](const atp::Params&) { return std::make_shared<const Length>(); }});
}
