#include "sdk/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "atp/error.h"

namespace atp {

namespace {

constexpr std::size_t chunk_bytes = 1 << 18;

}  // namespace

ByteSource::~ByteSource() = default;

FileBytes::FileBytes(std::string path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would never open
  if (file_ < 0) throw DataError({path_}, std::string("cannot be read: ") + std::strerror(errno));
  struct stat status = {};
  if (::fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) return;
  ::close(file_);
  throw DataError({path_}, std::string("cannot be read: it is ") +
                               (S_ISDIR(status.st_mode) ? "a folder" : "no regular file") + "; a file is expected");
}

FileBytes::~FileBytes() { ::close(file_); }

std::string_view FileBytes::next() {
  chunk_.resize(chunk_bytes);
  ssize_t count = 0;
  do {
    count = ::read(file_, chunk_.data(), chunk_.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) throw DataError({path_}, std::string("cannot be read to its end: ") + std::strerror(errno));
  return std::string_view(chunk_).substr(0, static_cast<std::size_t>(count));
}

std::string_view TextBytes::next() { return std::exchange(text_, {}); }

}  // namespace atp
