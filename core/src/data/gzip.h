#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/unpack_limit.h"
#include "sdk/byte_source.h"

namespace atp {

// What a gzip file holds: all its members, one after the other, each checked against its sum. Throws DataError where it
// is cut short, broken, or unpacks to more than UnpackLimit allows. (libarchive unpacks gzip, too, but checks no sums.)
class GzipBytes final : public ByteSource {
 public:
  GzipBytes(std::unique_ptr<ByteSource> packed, std::string name);
  ~GzipBytes() override;
  std::string_view next() override;

 private:
  struct Stream;
  bool more();
  bool begin_member();

  std::unique_ptr<ByteSource> packed_;
  std::string name_;
  UnpackLimit limit_;
  std::unique_ptr<Stream> stream_;
  std::string chunk_;
  std::uint64_t packed_bytes_ = 0, unpacked_bytes_ = 0;
  bool in_member_ = false;
  bool begun_ = false;
};

}  // namespace atp
