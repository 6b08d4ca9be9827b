#include <atp/plugin.h>
#include <atp/task.h>

ATP_PLUGIN(registry) {
  for (int i = 0; i < 2; ++i) registry.add(atp::offer({.name = "parrot", .summary = "says it again"}));
}
