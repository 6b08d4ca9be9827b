// Needs a symbol that only its own libtorch had: the loader would refuse it in words that help nobody.
#include <atp/plugin.h>

namespace at {
void removed_since_2_6(atp::Registry& registry);
}

ATP_PLUGIN(registry) { at::removed_since_2_6(registry); }
