#include "atp/seed.h"

#include <xxhash.h>

#include <numeric>
#include <random>
#include <string>
#include <utility>

namespace atp {

namespace {

void append(std::string& bytes, std::uint64_t number) {  // little end first, on every machine
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, std::string_view purpose, std::uint64_t first, std::uint64_t second) {
  std::string bytes;
  append(bytes, seed);
  append(bytes, first);
  append(bytes, second);
  bytes += purpose;  // last, so that no purpose can be mistaken for another's counters
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::vector<std::int64_t> permutation(std::int64_t n, std::uint32_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n < 0 ? 0 : n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 generator(seed);
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    const std::int64_t other = i + static_cast<std::int64_t>(generator()) % (n - i);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  return order;
}

}  // namespace atp
