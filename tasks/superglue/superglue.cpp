#include "superglue.h"

#include <atp/plugin.h>

atp::Files atp::superglue::folder(const std::string& name) {
  auto files = jsonl({{"train", name + "/train.jsonl"}, {"dev", name + "/val.jsonl"}});
  files.archives = {"combined"};
  return files;
}

ATP_PLUGIN(registry) {
  using namespace atp::superglue;
  for (auto task : {boolq(), cb(), multirc(), record(), rte(), wic(), wsc()}) registry.add(atp::offer(task));
  registry.add(copa());
}
