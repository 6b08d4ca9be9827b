#include "sha1.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace atp::generation {

namespace {

using State = std::array<std::uint32_t, 5>;
constexpr std::size_t block_bytes = 64;

void take_block(State& state, const char* block) {
  std::array<std::uint32_t, 80> words;
  for (std::size_t i = 0; i < 16; ++i) {
    words[i] = 0;
    for (std::size_t k = 0; k < 4; ++k) words[i] = words[i] << 8 | static_cast<unsigned char>(block[4 * i + k]);
  }
  for (std::size_t i = 16; i < 80; ++i)
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t sum = e + words[i] + std::rotl(a, 5);
    if (i < 20)
      sum += ((b & c) | (~b & d)) + 0x5a827999;
    else if (i < 40)
      sum += (b ^ c ^ d) + 0x6ed9eba1;
    else if (i < 60)
      sum += ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else
      sum += (b ^ c ^ d) + 0xca62c1d6;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = sum;
  }
  const State added = {a, b, c, d, e};
  for (std::size_t i = 0; i < state.size(); ++i) state[i] += added[i];
}

}  // namespace

std::string sha1(std::string_view text) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (; text.size() >= block_bytes; text.remove_prefix(block_bytes)) take_block(state, text.data());
  // The rest, a one bit, zeros, the number of bits: one block more, or two.
  std::string rest(text);
  rest += '\x80';
  while (rest.size() % block_bytes != block_bytes - 8) rest += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) rest += static_cast<char>(bits >> shift & 0xff);
  for (std::size_t at = 0; at < rest.size(); at += block_bytes) take_block(state, rest.data() + at);
  std::string digits;
  for (const std::uint32_t word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[word >> shift & 0xf];
  }
  return digits;
}

}  // namespace atp::generation
