// Starts a bundle's program: <bundle>/bin/NAME is this, <bundle>/libexec/NAME the program (tools/bundle makes both).
//
// It is linked statically, so that it can say what is missing where the program itself could not even be loaded: a
// glibc as new as the bundle needs. And it decides which libstdc++ serves, since there can be one alone in a process:
// the newer one of the system's and the bundle's, as a libtorch or a plugin of the system may need a newer one than atp
// does.
#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

#if defined(__x86_64__)
constexpr const char* interpreter = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* triplet = "x86_64-linux-gnu";
#else
constexpr const char* interpreter = "/lib/ld-linux-aarch64.so.1";
constexpr const char* triplet = "aarch64-linux-gnu";
#endif

using Version = std::vector<int>;  // "2.36" → {2, 36}

// The number with dots at `at`; moves `at` behind it.
Version version_at(const std::string& text, std::size_t& at) {
  Version version;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    int part = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && part < 100000; ++at)
      part = 10 * part + (text[at] - '0');
    version.push_back(part);
    if (at < text.size() && text[at] == '.') ++at;
  }
  return version;
}

std::string text_of(const Version& version) {
  std::string text;
  for (const int part : version) text += (text.empty() ? "" : ".") + std::to_string(part);
  return text;
}

std::string contents(const std::string& path) {
  std::string bytes;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return bytes;
  char buffer[1 << 16];
  for (ssize_t got = 0; (got = ::read(file, buffer, sizeof buffer)) > 0;)
    bytes.append(buffer, static_cast<std::size_t>(got));
  ::close(file);
  return bytes;
}

// The newest of the symbol versions "GLIBC_2.36" that a library names; empty where it names none, or is not there.
Version newest(const std::string& library, const std::string& prefix) {
  const auto bytes = contents(library);
  Version newest;
  for (auto at = bytes.find(prefix); at != std::string::npos; at = bytes.find(prefix, at)) {
    at += prefix.size();
    newest = std::max(newest, version_at(bytes, at));
  }
  return newest;
}

// The file that the loader would take: the first in $LD_LIBRARY_PATH and the system's folders. Empty: none.
std::string find_library(const std::string& name) {
  std::vector<std::string> folders;
  const char* said = std::getenv("LD_LIBRARY_PATH");
  for (const char* from = said ? said : ""; *from;) {
    const auto length = std::strcspn(from, ":");
    if (length > 0) folders.emplace_back(from, length);
    from += length + (from[length] == ':');
  }
  for (const char* folder : {"/lib/", "/usr/lib/"}) folders.push_back(std::string(folder) + triplet);
  for (const char* folder : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"}) folders.emplace_back(folder);
  for (const auto& folder : folders)
    if (::access((folder + "/" + name).c_str(), R_OK) == 0) return folder + "/" + name;
  return {};
}

std::string own_path(const char* word) {
  char path[4096];
  if (const auto length = ::readlink("/proc/self/exe", path, sizeof path - 1); length > 0)
    return std::string(path, static_cast<std::size_t>(length));
  const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return ::realpath(executed ? executed : word, path) ? path : word;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

[[noreturn]] void refuse(const std::string& program, const std::string& file, const std::string& why,
                         const std::string& fix) {
  std::fprintf(stderr, "%s cannot run on this system\n  file  %s\n  why   %s\n  fix   %s\n", program.c_str(),
               file.c_str(), why.c_str(), fix.c_str());
  std::exit(2);
}

void check_glibc(const std::string& program, const std::string& root) {
  const auto library = find_library("libc.so.6");
  const auto found = newest(library, "GLIBC_"), needed = newest(root + "/share/atp/needs", "GLIBC_");
  if (found.empty() || found >= needed) return;  // where it lies elsewhere, the loader will find it
  refuse(program, library, "it is glibc " + text_of(found) + ", this bundle needs " + text_of(needed) + " or later",
         "make the bundle on a system that is not newer than this one: tools/bundle there");
}

void choose_standard_library(const std::string& root) {
  const auto folder = root + "/lib/gcc";
  const std::string name = "libstdc++.so.6", prefix = "GLIBCXX_";
  if (newest(find_library(name), prefix) >= newest(folder + "/" + name, prefix)) return;
  const char* said = std::getenv("LD_LIBRARY_PATH");
  ::setenv("LD_LIBRARY_PATH", (folder + (said && *said ? ":" + std::string(said) : "")).c_str(), 1);
}

}  // namespace

int main(int, char** words) {
  const auto own = own_path(words[0]);
  const auto root = folder_of(folder_of(own)), name = own.substr(own.find_last_of('/') + 1);
  const auto program = root + "/libexec/" + name;
  if (::access(program.c_str(), X_OK) != 0)
    refuse(name, program, std::strerror(errno), "unpack the whole bundle again, and leave bin/ where it is in it");
  if (::access(interpreter, F_OK) != 0)
    refuse(name, interpreter, "there is no GNU C library (glibc) here",
           "run it on a system with glibc; most distributions but Alpine have it");
  check_glibc(name, root);
  choose_standard_library(root);
  ::execv(program.c_str(), words);
  refuse(name, program, std::strerror(errno), "unpack the whole bundle again");
}
