#include "io/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "atp/error.h"

namespace atp {

namespace {

constexpr std::size_t buffered_bytes = 4096;

[[noreturn]] void fail(const std::string& path, const std::string& what, int error) {
  std::string reason = std::generic_category().message(error);
  if (error == EFBIG) reason += " (the limit on a file's size: ulimit -f)";
  throw Error(path + ": " + what + ": " + reason);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

int open_file(const std::string& path, int flags) {
  int number = -1;
  do number = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (number < 0 && errno == EINTR);
  return number;
}

// 0, or the error's number.
int write_all(int descriptor, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(descriptor, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A new or renamed file's name is on disk once its folder is.
void sync_folder(const std::string& path) {
  const std::string folder = folder_of(path);
  const Descriptor descriptor(open_file(folder, O_RDONLY | O_DIRECTORY));
  if (descriptor < 0) fail(folder, "cannot be opened", errno);
  if (::fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP) fail(folder, "cannot be synced", errno);
}

bool is_same_file(int descriptor, const std::string& path) {
  struct stat opened = {}, named = {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// The lock keeps two writers apart and goes with the process.
int open_partial(const std::string& path, const std::string& partial) {
  while (true) {
    const int number = open_file(partial, O_RDWR | O_CREAT);
    if (number < 0) fail(path, "cannot be written", errno);
    ::flock(number, LOCK_EX);  // where the file system has no locks there is nothing to wait for
    if (is_same_file(number, partial)) return number;
    ::close(number);  // another writer renamed it meanwhile
  }
}

int open_nameless() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") + "/atp-XXXXXX";
  const int number = ::mkostemp(path.data(), O_CLOEXEC);
  if (number < 0) fail(path, "cannot be created ($TMPDIR says where temporary files are)", errno);
  ::unlink(path.c_str());
  return number;
}

}  // namespace

PartialFile::PartialFile(const std::string& path)
    : path_(path.empty() ? "a temporary file" : path), partial_(path.empty() ? "" : path + ".partial") {
  descriptor_ = path.empty() ? open_nameless() : open_partial(path_, partial_);
  if (::ftruncate(descriptor_, 0) != 0) give_up(errno);
}

PartialFile::~PartialFile() {
  if (!partial_.empty()) ::unlink(partial_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void PartialFile::give_up(int error) {
  if (!partial_.empty()) ::unlink(partial_.c_str());
  partial_.clear();
  fail(path_, "cannot be written", error);
}

void PartialFile::append(std::string_view contents) {
  if (const int error = write_all(descriptor_, contents)) give_up(error);
}

void PartialFile::overwrite(std::size_t at, std::string_view contents) {
  const ssize_t written = ::pwrite(descriptor_, contents.data(), contents.size(), static_cast<off_t>(at));
  if (written != static_cast<ssize_t>(contents.size())) give_up(written < 0 ? errno : EIO);
}

void PartialFile::take_place(Durably durably) {
  if (partial_.empty()) return;
  if (durably == Durably::yes && ::fsync(descriptor_) != 0) give_up(errno);
  if (::rename(partial_.c_str(), path_.c_str()) != 0) give_up(errno);
  partial_.clear();
  if (durably == Durably::yes) sync_folder(path_);
}

void write_durably(const std::string& path, std::string_view contents) {
  write_durably(path, std::vector<std::string_view>{contents});
}

void write_durably(const std::string& path, const std::vector<std::string_view>& parts) {
  PartialFile file(path);
  for (const auto& part : parts) file.append(part);
  file.take_place();
}

LineFile::LineFile(const std::string& path, std::size_t length) : path_(path), length_(length) {
  const Descriptor opened(open_file(path, O_WRONLY | O_CREAT));
  if (opened < 0) fail(path, "cannot be opened", errno);
  struct stat status = {};
  if (::fstat(opened, &status) != 0) fail(path, "cannot be read", errno);
  if (static_cast<std::size_t>(status.st_size) < length)
    throw Error(path + ": holds " + std::to_string(status.st_size) + " bytes, the checkpoint counts " +
                std::to_string(length) + "; it was changed after the run wrote it (--fresh starts the step anew)");
  if (static_cast<std::size_t>(status.st_size) > length && ::ftruncate(opened, static_cast<off_t>(length)) != 0)
    fail(path, "cannot be cut back", errno);
  if (::lseek(opened, static_cast<off_t>(length), SEEK_SET) < 0) fail(path, "cannot be positioned", errno);
  if (length == 0) sync_folder(path);
  descriptor_ = ::fcntl(opened, F_DUPFD_CLOEXEC, 0);
  if (descriptor_ < 0) fail(path, "cannot be opened", errno);
}

LineFile::~LineFile() {
  if (descriptor_ < 0) return;
  write_all(descriptor_, buffer_);  // a step that fails keeps what it wrote; nobody counts on it
  ::close(descriptor_);
}

void LineFile::append(std::string_view line) {
  buffer_.append(line).push_back('\n');
  if (buffer_.size() < buffered_bytes) return;
  if (const int error = write_all(descriptor_, buffer_)) {
    buffer_.clear();
    fail(path_, "cannot be written", error);
  }
  length_ += buffer_.size();
  buffer_.clear();
}

std::size_t LineFile::sync() {
  if (const int error = write_all(descriptor_, buffer_)) {
    buffer_.clear();
    fail(path_, "cannot be written", error);
  }
  length_ += buffer_.size();
  buffer_.clear();
  if (::fsync(descriptor_) != 0) fail(path_, "cannot be synced", errno);
  return length_;
}

std::string read_file(const std::string& path) {
  const Descriptor descriptor(open_file(path, O_RDONLY));
  if (descriptor < 0) fail(path, "cannot be read", errno);
  std::string contents;
  char block[65536];
  while (true) {
    const ssize_t count = ::read(descriptor, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, "cannot be read", errno);
    if (count == 0) return contents;
    contents.append(block, static_cast<std::size_t>(count));
  }
}

}  // namespace atp
