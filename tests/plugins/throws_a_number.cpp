#include <atp/plugin.h>

ATP_PLUGIN(registry) {
  registry.set_plugin("throws_a_number", "", "");
  throw 42;
}
