#include "data/cache_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cstdio>
#include <ostream>

#include "atp/error.h"
#include "atp/value.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

constexpr std::time_t day = 24 * 60 * 60;

// What the writer of a file's unfinished form holds (io/durable_file.h).
bool is_being_written(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool is_free = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  return !is_free;
}

void add_files(const std::string& out, const std::string& part, std::vector<CachedFile>& files) {
  boost::system::error_code error;
  const std::string ending = "." + part;
  for (fs::directory_iterator entry(fs::path(out) / "cache" / part, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    struct stat status = {};
    if (!path.ends_with(ending) && !path.ends_with(ending + ".partial")) continue;
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    files.push_back({path, part, static_cast<std::uint64_t>(status.st_size), status.st_mtime});
  }
}

std::int64_t days_unused(const CachedFile& file, std::time_t now) {
  return std::max<std::time_t>(0, now - file.used) / day;
}

void print_json(const std::vector<CachedFile>& files, std::time_t now, std::ostream& out) {
  Value list = Value::list();
  for (const auto& file : files) {
    Value one = Value::map();
    one.set("path", file.path);
    one.set("bytes", file.bytes);
    one.set("days_unused", days_unused(file, now));
    list.push_back(std::move(one));
  }
  out << to_json(list, 2) << "\n";
}

}  // namespace

std::vector<CachedFile> cached_files(const std::string& out) {
  boost::system::error_code error;
  if (!fs::is_directory(out, error)) throw DataError({out}, "no such folder; --out DIR says where results are");
  std::vector<CachedFile> files;
  for (const std::string part : {"examples", "tokens"}) add_files(out, part, files);
  std::sort(files.begin(), files.end(), [](const CachedFile& one, const CachedFile& other) {
    return std::pair(one.used, one.path) < std::pair(other.used, other.path);
  });
  return files;
}

std::vector<CachedFile> remove_unused(const std::string& out, std::int64_t days, std::time_t now) {
  std::vector<CachedFile> removed;
  for (auto& file : cached_files(out)) {
    if (days_unused(file, now) < days || is_being_written(file.path)) continue;
    boost::system::error_code error;
    fs::remove(file.path, error);
    if (error) throw Error({file.path}, "cannot be removed: " + error.message());
    removed.push_back(std::move(file));
  }
  return removed;
}

void print_cache(const std::vector<CachedFile>& files, bool json, std::time_t now, std::ostream& out) {
  if (json) return print_json(files, now, out);
  for (const std::string part : {"examples", "tokens"}) {
    std::uint64_t bytes = 0;
    std::int64_t count = 0, longest = 0;
    for (const auto& file : files) {
      if (file.part != part) continue;
      ++count;
      bytes += file.bytes;
      longest = std::max(longest, days_unused(file, now));
    }
    char line[120];
    std::snprintf(line, sizeof line, "%-10s%6lld files%12.1f MB   unused for %lld days at most\n", part.c_str(),
                  static_cast<long long>(count), static_cast<double>(bytes) / 1e6, static_cast<long long>(longest));
    out << line;
  }
}

}  // namespace atp
