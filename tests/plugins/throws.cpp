#include <atp/plugin.h>

#include <stdexcept>

ATP_PLUGIN(registry) {
  registry.set_plugin("throws", "", "");
  throw std::runtime_error("the parrot has flown");
}
