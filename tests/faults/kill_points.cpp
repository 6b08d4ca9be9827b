// Kills the program that it is preloaded into, or linked with, as a power cut would: at once, with nothing flushed or
// unlocked. It stands before every call by which the program changes files.
//
//   ATP_FAULT_ROOT=DIR     only calls on files below this folder count
//   ATP_FAULT_AT=N         the N-th call (from 1) is the last: ATP_FAULT_WHEN=before|within|after it ("within" writes
//   half
//                          of the bytes). With ATP_FAULT_SIGNAL a signal is raised there instead.
//   ATP_FAULT_LINES=N      after N lines of metrics.jsonl: so many updates
//   ATP_FAULT_STOP=N       after N such lines a signal instead: ATP_FAULT_SIGNAL (SIGINT), ATP_FAULT_SIGNALS times (1)
//   ATP_FAULT_COMMAND=TEXT after ATP_FAULT_STOP lines the shell is given this
//   ATP_FAULT_FULL=TEXT    writes to files with TEXT in their path fail: the disk is full
//   ATP_FAULT_COUNT=FILE   at the end the number of calls is written there
#include "kill_points.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>

#define ATP_SHOWN __attribute__((visibility("default")))

namespace {

std::atomic<long> calls{0}, lines{0};
faults::Observer observer = nullptr;
thread_local bool inside = false;  // what an observer does is not observed

long number_from(const char* name, long otherwise = 0) {
  const char* text = ::getenv(name);
  return text ? ::atol(text) : otherwise;
}

std::string text_from(const char* name) {
  const char* text = ::getenv(name);
  return text ? text : "";
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

// The end of a program, or the beginning of it.
void end_here() {
  const long signal = number_from("ATP_FAULT_SIGNAL", SIGKILL);
  if (signal == SIGKILL) die();
  ::kill(::getpid(), static_cast<int>(signal));
}

bool is_below_root(const std::string& path) {
  const std::string root = text_from("ATP_FAULT_ROOT");
  return !inside && !root.empty() && path.compare(0, root.size(), root) == 0 &&
         (path.size() == root.size() || path[root.size()] == '/');
}

std::string path_of(int descriptor) {
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
}

std::string absolute(const std::string& text, int folder = AT_FDCWD) {
  if (folder != AT_FDCWD && text.front() != '/') return path_of(folder) + "/" + text;
  char resolved[PATH_MAX];
  const auto slash = text.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : text.substr(0, slash + 1);
  return ::realpath(parent.c_str(), resolved) ? std::string(resolved) + "/" + text.substr(slash + 1) : text;
}

bool exists(const char* path) {  // a link that leads nowhere too
  struct stat status = {};
  return ::lstat(path, &status) == 0;
}

void tell(const faults::Call& call, const char* when) {
  if (!observer) return;
  const int error = errno;
  inside = true;
  observer(call, when);
  inside = false;
  errno = error;
}

// One call that counts: ends the program before, within or after it where it is the one.
template <class Make, class Half>
auto count(const char* name, const std::string& path, const Make& make, const Half& half) {
  if (!is_below_root(path)) return make();
  const faults::Call call{name, path, ++calls};
  const bool is_last = call.number == number_from("ATP_FAULT_AT");
  const std::string when = text_from("ATP_FAULT_WHEN");
  if (is_last && when == "before") end_here();
  if (is_last && when == "within") {
    half();
    die();
  }
  tell(call, "before");
  const auto result = make();
  tell(call, "after");
  if (is_last && when == "after") end_here();
  return result;
}

template <class Make>
auto count(const char* name, const std::string& path, const Make& make) {
  return count(name, path, make, [] {});
}

bool is_full(const std::string& path) {
  const std::string full = text_from("ATP_FAULT_FULL");
  return !full.empty() && is_below_root(path) && path.find(full) != std::string::npos;
}

template <class Write>
ssize_t write_to(const char* name, int descriptor, size_t size, const Write& write) {
  const std::string path = path_of(descriptor);
  if (is_full(path)) {
    errno = ENOSPC;
    return -1;
  }
  return count(
      name, path, [&] { return write(size); }, [&] { write(size / 2); });
}

template <class Open>
int open_file(const char* path, int flags, const Open& open) {
  if (!(flags & O_CREAT) || exists(path)) return open();
  return count("open", absolute(path), open);
}

__attribute__((destructor)) void report_count() {
  const std::string path = text_from("ATP_FAULT_COUNT");
  if (path.empty()) return;
  if (FILE* file = ::fopen(path.c_str(), "w")) {
    ::fprintf(file, "%ld\n", calls.load());
    ::fclose(file);
  }
}

}  // namespace

ATP_SHOWN void faults::observe(Observer wanted) { observer = wanted; }

extern "C" {

ATP_SHOWN ssize_t write(int descriptor, const void* bytes, size_t size) {
  const auto real = next<ssize_t(int, const void*, size_t)>("write");
  return write_to("write", descriptor, size, [&](size_t count) { return real(descriptor, bytes, count); });
}

ATP_SHOWN ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t place) {
  const auto real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return write_to("write", descriptor, size, [&](size_t count) { return real(descriptor, bytes, count, place); });
}

ATP_SHOWN int fsync(int descriptor) {
  const auto real = next<int(int)>("fsync");
  return count("fsync", path_of(descriptor), [&] { return real(descriptor); });
}

ATP_SHOWN int fdatasync(int descriptor) {
  const auto real = next<int(int)>("fdatasync");
  return count("fsync", path_of(descriptor), [&] { return real(descriptor); });
}

ATP_SHOWN int ftruncate(int descriptor, off_t size) noexcept {
  const auto real = next<int(int, off_t)>("ftruncate");
  return count("truncate", path_of(descriptor), [&] { return real(descriptor, size); });
}

ATP_SHOWN int ftruncate64(int descriptor, off64_t size) noexcept {
  const auto real = next<int(int, off64_t)>("ftruncate64");
  return count("truncate", path_of(descriptor), [&] { return real(descriptor, size); });
}

ATP_SHOWN int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  const auto real = next<int(const char*, int, ...)>("open");
  return open_file(path, flags, [&] { return real(path, flags, mode); });
}

ATP_SHOWN int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  const auto real = next<int(const char*, int, ...)>("open64");
  return open_file(path, flags, [&] { return real(path, flags, mode); });
}

ATP_SHOWN int rename(const char* from, const char* to) noexcept {
  const auto real = next<int(const char*, const char*)>("rename");
  return count("rename", absolute(to), [&] { return real(from, to); });
}

ATP_SHOWN int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  const auto real = next<int(int, const char*, int, const char*, unsigned)>("renameat2");
  return count("exchange", absolute(to, to_folder), [&] { return real(from_folder, from, to_folder, to, flags); });
}

ATP_SHOWN int unlink(const char* path) noexcept {
  const auto real = next<int(const char*)>("unlink");
  if (!exists(path)) return real(path);
  return count("unlink", absolute(path), [&] { return real(path); });
}

ATP_SHOWN int unlinkat(int folder, const char* path, int flags) noexcept {
  const auto real = next<int(int, const char*, int)>("unlinkat");
  return count("unlink", absolute(path, folder), [&] { return real(folder, path, flags); });
}

ATP_SHOWN int rmdir(const char* path) noexcept {
  const auto real = next<int(const char*)>("rmdir");
  return count("rmdir", absolute(path), [&] { return real(path); });
}

ATP_SHOWN int mkdir(const char* path, mode_t mode) noexcept {
  const auto real = next<int(const char*, mode_t)>("mkdir");
  if (exists(path)) return real(path, mode);
  return count("mkdir", absolute(path), [&] { return real(path, mode); });
}

ATP_SHOWN int symlink(const char* target, const char* path) noexcept {
  const auto real = next<int(const char*, const char*)>("symlink");
  return count("symlink", absolute(path), [&] { return real(target, path); });
}

}  // extern "C"

namespace atp {

// The engine writes one line for each update and one for each evaluation through this.
class LineFile {
 public:
  ATP_SHOWN void append(std::string_view line);
};

void LineFile::append(std::string_view line) {
  using Append = void(LineFile*, std::string_view);
  next<Append>("_ZN3atp8LineFile6appendESt17basic_string_viewIcSt11char_traitsIcEE")(this, line);
  if (line.find("\"validation\"") != std::string_view::npos) return;
  const long count = ++lines;
  if (count == number_from("ATP_FAULT_LINES")) die();
  if (count != number_from("ATP_FAULT_STOP")) return;
  if (const std::string command = text_from("ATP_FAULT_COMMAND"); !command.empty()) {
    if (::system(("unset LD_PRELOAD; " + command).c_str()) != 0) die();
    return;
  }
  for (long i = 0; i < number_from("ATP_FAULT_SIGNALS", 1); ++i)
    ::kill(::getpid(), static_cast<int>(number_from("ATP_FAULT_SIGNAL", SIGINT)));
}

}  // namespace atp
