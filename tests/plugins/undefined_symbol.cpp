// Linked with -z undefs and without the library that has `lost_in_linking`.
#include <atp/plugin.h>

extern "C" void lost_in_linking(atp::Registry& registry);

ATP_PLUGIN(registry) { lost_in_linking(registry); }
