#include <atp/plugin.h>

#include <memory>

#include "t5.h"

ATP_PLUGIN(registry) {
  registry.add(atp::Offer<atp::Backbone>{
      .name = "t5",
      .summary = "T5 1.0, 1.1, LM-adapted, Flan-T5 and mT5, from a folder in the Hub's layout or with random weights",
      .options = {atp::faults({"vocabulary"})},
      .make = [](const atp::BackboneRequest& request, const atp::Params& params) -> std::shared_ptr<atp::Backbone> {
        return std::make_shared<atp::t5::T5>(request, params.has_fault("vocabulary") ? 32100 : 0);
      }});
}
