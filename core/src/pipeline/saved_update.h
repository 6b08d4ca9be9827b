#pragma once

#include <cstdint>
#include <string>

namespace atp {

// The update that the half-done training in a step's folder goes on at, as the state there says it (train/state.h is
// its writer, and knows tensors); 0 where none says one.
std::int64_t saved_update(const std::string& folder);

}  // namespace atp
