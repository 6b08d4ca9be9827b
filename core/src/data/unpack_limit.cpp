#include "data/unpack_limit.h"

#include "atp/error.h"

namespace atp {

void UnpackLimit::check(std::uint64_t packed, std::uint64_t unpacked) const {
  if (unpacked <= free_bytes || (unpacked <= most_bytes && unpacked / ratio <= packed)) return;
  const std::string found = unpacked > most_bytes
                                ? "more than " + std::to_string(most_bytes >> 30) + " GiB come out of it"
                                : std::to_string(unpacked >> 20) + " MiB come out of " + std::to_string(packed >> 10) +
                                      " KiB, more than " + std::to_string(ratio) + " times as much";
  throw DataError({name_}, "not unpacked any further: " + found +
                               ". If you trust it, unpack it yourself into a folder below the data root: plain files "
                               "have no limit");
}

}  // namespace atp
