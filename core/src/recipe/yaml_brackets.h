#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace atp {

// A bracket that makes a text no YAML, as bytes from the text's start.
struct BracketFault {
  char bracket = '[';  // [ { ] or }
  std::size_t at = 0;
  char opened = 0;  // of a closing one: what it cannot close; 0: nothing is open
  std::size_t opened_at = 0;
};

// The first bracket that is never closed, or that closes what it does not fit. yaml-cpp notices such a mistake where
// it no longer understands the text, which may be many lines further down.
std::optional<BracketFault> bracket_fault(std::string_view text);

}  // namespace atp
