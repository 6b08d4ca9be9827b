#include "metrics.h"

#include <atp/plugin.h>

using namespace atp;

namespace {

using Make = std::shared_ptr<const Metric> (*)();

Offer<Metric> metric(const char* name, const char* summary, Make make) {
  return {name, summary, {}, [make](const Params&) { return make(); }};
}

}  // namespace

ATP_PLUGIN(registry) {
  registry.add(metric("accuracy", "share of predictions that are the target", metrics::accuracy));
  registry.add(metric("f1", "F1 of the second of two labels", metrics::f1));
  registry.add(metric("macro_f1", "mean of the F1 of every label", metrics::macro_f1));
  registry.add(metric("matthews", "Matthews' correlation of predicted and true labels", metrics::matthews));
  registry.add(metric("exact_match", "share of answers equal to a reference, SQuAD-normalised", metrics::exact_match));
}
