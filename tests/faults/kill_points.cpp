// Kills the program that it is preloaded into, as a power cut would: at once, with nothing flushed or unlocked.
//
//   ATP_FAULT_ROOT=DIR     only calls on files below this folder count
//   ATP_FAULT_AT=N         the N-th write, fsync or rename (from 1) is the last: ATP_FAULT_WHEN=before|within|after it
//                          ("within" writes half of the bytes)
//   ATP_FAULT_LINES=N      after N lines of metrics.jsonl: so many updates
//   ATP_FAULT_STOP=N       after N such lines a signal instead: ATP_FAULT_SIGNAL (SIGINT), ATP_FAULT_SIGNALS times (1)
//   ATP_FAULT_COUNT=FILE   at the end the number of calls is written there
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>

namespace {

std::atomic<long> calls{0}, lines{0};

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

bool is_below_root(const std::string& path) {
  const std::string root = text_from("ATP_FAULT_ROOT");
  return !root.empty() && path.compare(0, root.size(), root) == 0;
}

std::string path_of(int descriptor) {
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
}

std::string absolute(const char* path) {
  char resolved[PATH_MAX];
  const std::string text = path;
  const auto slash = text.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : text.substr(0, slash + 1);
  return ::realpath(folder.c_str(), resolved) ? std::string(resolved) + "/" + text.substr(slash + 1) : text;
}

// One call that counts: dies before, within or after it where it is the one.
template <class Call, class Half>
auto count(bool counts, const Call& call, const Half& half) {
  if (!counts) return call();
  const bool is_last = ++calls == number_from("ATP_FAULT_AT");
  const std::string when = text_from("ATP_FAULT_WHEN");
  if (is_last && when == "before") die();
  if (is_last && when == "within") {
    half();
    die();
  }
  const auto result = call();
  if (is_last) die();
  return result;
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

extern "C" {

__attribute__((visibility("default"))) ssize_t write(int descriptor, const void* bytes, size_t size) {
  const auto real = next<ssize_t(int, const void*, size_t)>("write");
  return count(
      is_below_root(path_of(descriptor)), [&] { return real(descriptor, bytes, size); },
      [&] { real(descriptor, bytes, size / 2); });
}

__attribute__((visibility("default"))) ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t place) {
  const auto real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return count(
      is_below_root(path_of(descriptor)), [&] { return real(descriptor, bytes, size, place); },
      [&] { real(descriptor, bytes, size / 2, place); });
}

__attribute__((visibility("default"))) int fsync(int descriptor) {
  const auto real = next<int(int)>("fsync");
  return count(
      is_below_root(path_of(descriptor)), [&] { return real(descriptor); }, [] {});
}

__attribute__((visibility("default"))) int fdatasync(int descriptor) {
  const auto real = next<int(int)>("fdatasync");
  return count(
      is_below_root(path_of(descriptor)), [&] { return real(descriptor); }, [] {});
}

__attribute__((visibility("default"))) int rename(const char* from, const char* to) {
  const auto real = next<int(const char*, const char*)>("rename");
  return count(
      is_below_root(absolute(to)), [&] { return real(from, to); }, [] {});
}

}  // extern "C"

namespace atp {

// The engine writes one line for each update and one for each evaluation through this.
class LineFile {
 public:
  __attribute__((visibility("default"))) void append(std::string_view line);
};

void LineFile::append(std::string_view line) {
  using Append = void(LineFile*, std::string_view);
  next<Append>("_ZN3atp8LineFile6appendESt17basic_string_viewIcSt11char_traitsIcEE")(this, line);
  if (line.find("\"validation\"") != std::string_view::npos) return;
  const long count = ++lines;
  if (count == number_from("ATP_FAULT_LINES")) die();
  if (count == number_from("ATP_FAULT_STOP"))
    for (long i = 0; i < number_from("ATP_FAULT_SIGNALS", 1); ++i)
      ::kill(::getpid(), static_cast<int>(number_from("ATP_FAULT_SIGNAL", SIGINT)));
}

}  // namespace atp
