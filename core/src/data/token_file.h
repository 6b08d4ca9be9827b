#pragma once

#include <memory>

#include "data/cache_file.h"
#include "data/token_rows.h"

namespace atp {

constexpr CacheForm token_form{{'A', 'T', 'P', 'T', 'O', 'K', 'N', 'S'}, 2};

// The rows of a file of the cache of tokens, which lives as long as they do. Throws FormatError where it contradicts
// itself.
std::shared_ptr<const TokenRows> token_rows(std::shared_ptr<const CacheFile> file);

}  // namespace atp
