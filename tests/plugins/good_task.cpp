// Nothing is wrong here: what is wrong is said in the stamp or the descriptor.
#include <atp/plugin.h>
#include <atp/task.h>

ATP_PLUGIN(registry) { registry.add(atp::offer({.name = "parrot", .summary = "says it again"})); }
