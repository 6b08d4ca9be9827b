#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string>

namespace atp {

// 32 hexadecimal digits, the high half first.
inline std::string digest_text(const XXH128_hash_t& hash) {
  std::string text;
  for (const std::uint64_t half : {hash.high64, hash.low64}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[half >> shift & 0xf];
  }
  return text;
}

}  // namespace atp
