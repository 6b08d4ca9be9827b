// A whole plugin that offers a name which `good` offers too.
#include <atp/plugin.h>
#include <atp/task.h>

ATP_PLUGIN(registry) {
  registry.add(atp::offer({.name = "parrot", .summary = "the twin's"}));
  registry.add(atp::offer({.name = "magpie", .summary = "the twin's alone"}));
}
