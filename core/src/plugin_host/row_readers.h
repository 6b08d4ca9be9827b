#pragma once

#include "atp/registry.h"
#include "data/data_files.h"
#include "recipe/recipe.h"

namespace atp {

// Reader plugins, each loaded when a file of its form is read. Catalogue and registry must outlive what comes back.
ReaderOf row_readers(Catalogue& catalogue, const Registry& registry);

}  // namespace atp
