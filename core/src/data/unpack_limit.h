#pragma once

#include <cstdint>
#include <string>

namespace atp {

// A packed file may say that it holds more than any disk does. Text packs to a tenth or so, and no data set's file
// comes near the size: what goes beyond is refused while it is unpacked. Files that lie unpacked have no limit.
class UnpackLimit {
 public:
  static constexpr std::uint64_t free_bytes = std::uint64_t{64} << 20;  // below it the ratio does not count
  static constexpr std::uint64_t ratio = 200;                           // unpacked bytes per packed byte
  static constexpr std::uint64_t most_bytes = std::uint64_t{64} << 30;  // of one file or entry

  explicit UnpackLimit(std::string name) : name_(std::move(name)) {}

  // All that was read and all that came of it so far. Throws DataError, saying how to go on, where it is too much.
  void check(std::uint64_t packed, std::uint64_t unpacked) const;

 private:
  std::string name_;
};

}  // namespace atp
