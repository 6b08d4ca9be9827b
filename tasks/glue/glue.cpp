#include "glue.h"

#include <atp/plugin.h>

ATP_PLUGIN(registry) {
  using namespace atp::glue;
  for (auto task : {cola(), sst2(), mrpc(), stsb(), qqp(), mnli(), qnli(), rte(), wnli()})
    registry.add(atp::offer(task));
}
