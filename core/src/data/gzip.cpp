#include "data/gzip.h"

#include <zlib.h>

#include "atp/error.h"

namespace atp {

namespace {

constexpr std::size_t chunk_bytes = 1 << 18;
constexpr int gzip_window = 15 + 16;  // the largest window; gzip's header and sum, not zlib's

}  // namespace

struct GzipBytes::Stream : z_stream {};

GzipBytes::GzipBytes(std::unique_ptr<ByteSource> packed, std::string name)
    : packed_(std::move(packed)), name_(std::move(name)), limit_(name_), stream_(std::make_unique<Stream>()) {
  if (inflateInit2(stream_.get(), gzip_window) != Z_OK) throw DataError({name_}, "cannot be unpacked: no memory");
}

GzipBytes::~GzipBytes() { inflateEnd(stream_.get()); }

// Packed bytes that are still to be unpacked; false: there are none.
bool GzipBytes::more() {
  if (stream_->avail_in > 0) return true;
  const std::string_view chunk = packed_->next();
  packed_bytes_ += chunk.size();
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(chunk.data()));
  stream_->avail_in = static_cast<uInt>(chunk.size());
  return !chunk.empty();
}

// Between members: zeros may fill up a block, anything else is another member.
bool GzipBytes::begin_member() {
  while (more()) {
    if (begun_ && *stream_->next_in == 0) {
      ++stream_->next_in;
      --stream_->avail_in;
      continue;
    }
    inflateReset(stream_.get());
    in_member_ = begun_ = true;
    return true;
  }
  if (!begun_) throw DataError({name_}, "cannot be unpacked: it is empty, and no gzip file");
  return false;
}

std::string_view GzipBytes::next() {
  chunk_.resize(chunk_bytes);
  stream_->next_out = reinterpret_cast<Bytef*>(chunk_.data());
  stream_->avail_out = static_cast<uInt>(chunk_.size());
  while (stream_->avail_out > 0) {
    if (!in_member_ && !begin_member()) break;
    if (!more()) throw DataError({name_}, "cut short: the gzip file ends within its data; fetch it again");
    const int status = inflate(stream_.get(), Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      in_member_ = false;
    } else if (status != Z_OK) {
      throw DataError({name_}, std::string("broken: ") + (stream_->msg ? stream_->msg : "no gzip data") + ", after " +
                                   std::to_string(stream_->total_out) + " bytes; fetch it again");
    }
  }
  const std::size_t count = chunk_.size() - stream_->avail_out;
  unpacked_bytes_ += count;
  limit_.check(packed_bytes_, unpacked_bytes_);
  return std::string_view(chunk_).substr(0, count);
}

}  // namespace atp
