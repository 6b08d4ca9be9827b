#include "glue.h"

#include <atp/plugin.h>

ATP_PLUGIN(registry) {
  using namespace atp::glue;
  for (auto task : {cola(), sst2(), mrpc(), qqp(), mnli(), qnli(), rte(), wnli()}) registry.add(atp::offer(task));
  registry.add(atp::Offer<atp::TextTask>{
      "stsb", "how similar are two sentences, from 0 to 5?", {atp::faults({"stsb_rounding"})}, stsb});
}
