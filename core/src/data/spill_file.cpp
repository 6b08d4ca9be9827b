#include "data/spill_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstring>

#include "atp/error.h"

namespace atp {

namespace {

constexpr std::uint64_t chunk_bytes = 1 << 18;

[[noreturn]] void fail(const char* what) {
  throw DataError({boost::filesystem::temp_directory_path().string()}, std::string("a temporary file ") + what + ": " +
                                                                           std::strerror(errno) +
                                                                           "; $TMPDIR names a folder with more room");
}

}  // namespace

SpillFile::SpillFile() {
  std::string pattern = (boost::filesystem::temp_directory_path() / "atp-XXXXXX").string();
  file_ = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (file_ < 0) fail("cannot be made");
  ::unlink(pattern.c_str());
}

SpillFile::~SpillFile() { ::close(file_); }

std::string SpillFile::path() const { return "/proc/self/fd/" + std::to_string(file_); }

SpillFile::Piece SpillFile::append(ByteSource& bytes) {
  const std::uint64_t begin = size_;
  for (std::string_view chunk = bytes.next(); !chunk.empty(); chunk = bytes.next()) {
    while (!chunk.empty()) {
      const ssize_t count = ::pwrite(file_, chunk.data(), chunk.size(), static_cast<off_t>(size_));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail("cannot be written");
      chunk.remove_prefix(static_cast<std::size_t>(count));
      size_ += static_cast<std::uint64_t>(count);
    }
  }
  return {begin, size_};
}

std::string_view SpilledBytes::next() {
  chunk_.resize(static_cast<std::size_t>(std::min(chunk_bytes, piece_.end - piece_.begin)));
  if (chunk_.empty()) return {};
  ssize_t count = 0;
  do {
    count = ::pread(file_.file_, chunk_.data(), chunk_.size(), static_cast<off_t>(piece_.begin));
  } while (count < 0 && errno == EINTR);
  if (count <= 0) fail("cannot be read");
  piece_.begin += static_cast<std::uint64_t>(count);
  return std::string_view(chunk_).substr(0, static_cast<std::size_t>(count));
}

}  // namespace atp
