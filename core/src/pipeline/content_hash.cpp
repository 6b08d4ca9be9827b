#include "pipeline/content_hash.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "atp/error.h"
#include "data/cache_file.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

std::string hexadecimal(XXH128_hash_t hash) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

std::string reason(int error) { return std::generic_category().message(error); }

// What tells that a file is still the one that was read.
std::string fingerprint(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
  };
  return std::to_string(status.st_size) + " " + nanoseconds(status.st_mtim) + " " + nanoseconds(status.st_ctim);
}

// A file changed within the clock's grain after it was read would look the same: too young ones are not remembered.
bool is_settled(const struct stat& status) { return std::time(nullptr) - status.st_ctim.tv_sec > 2; }

}  // namespace

std::string text_digest(std::string_view text) { return hexadecimal(XXH3_128bits(text.data(), text.size())); }

std::string file_digest(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw Error(path + ": cannot be opened: " + reason(errno));
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  constexpr std::size_t block_bytes = std::size_t{1} << 20;
  const auto block = std::make_unique_for_overwrite<char[]>(block_bytes);  // there may be many files, all of them small
  ssize_t count = 0;
  while ((count = ::read(descriptor, block.get(), block_bytes)) > 0 || (count < 0 && errno == EINTR))
    if (count > 0) XXH3_128bits_update(state.get(), block.get(), static_cast<std::size_t>(count));
  const int error = errno;
  ::close(descriptor);
  if (count < 0) throw Error(path + ": cannot be read: " + reason(error));
  return hexadecimal(XXH3_128bits_digest(state.get()));
}

struct ContentDigests::Memory {
  std::map<std::string, std::pair<std::string, std::string>> known;  // path → fingerprint, digest
  std::vector<std::string> unwritten;                                // of these
  std::unique_ptr<SQLite::Database> database;
  bool opened = false;

  // nullptr where there is none to be had: remembering is a convenience.
  SQLite::Database* open(const std::string& path) {
    if (opened) return database.get();
    opened = true;
    if (path.empty()) return nullptr;
    if (!try_open(path)) {
      boost::system::error_code error;
      fs::remove(path, error);  // damaged: what it remembered is found out again
      try_open(path);
    }
    return database.get();
  }

  bool try_open(const std::string& path) try {
    fs::create_directories(fs::path(path).parent_path());
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 10000);
    database->exec("CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, fingerprint TEXT, digest TEXT)");
    return true;
  } catch (const std::exception&) {
    database.reset();
    return false;
  }
};

ContentDigests::ContentDigests(std::string database)
    : database_(std::move(database)), memory_(std::make_unique<Memory>()) {}
ContentDigests::~ContentDigests() {
  try {
    write_remembered();
  } catch (const std::exception&) {  // remembering is a convenience
  }
}

std::string ContentDigests::file(const std::string& path) { return asked_[path] = digest_of(path); }

namespace {

// What is below a folder: its files by name, in order, and what tells that all of them are still those that were read.
struct Folder {
  std::vector<std::string> names;
  std::string print;
  bool settled = true;
};

void add_names(const fs::path& folder, const std::string& before, std::vector<std::string>& names) {
  boost::system::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = before + entry->path().filename().string();
    boost::system::error_code ignored;
    if (fs::is_directory(entry->path(), ignored))
      add_names(entry->path(), name + "/", names);
    else if (fs::is_regular_file(entry->path(), ignored))
      names.push_back(name);
  }
  if (error) throw Error(folder.string() + ": cannot be read: " + error.message());
}

Folder look_into(const std::string& folder) {
  Folder found;
  add_names(folder, "", found.names);
  std::sort(found.names.begin(), found.names.end());
  CacheKey all;
  for (const auto& name : found.names) {
    struct stat status = {};
    const std::string path = folder + "/" + name;
    if (::stat(path.c_str(), &status) != 0) throw Error(path + ": cannot be read: " + reason(errno));
    all.add(name);
    all.add(fingerprint(status));
    found.settled = found.settled && is_settled(status);
  }
  found.print = hexadecimal(all.hash());
  return found;
}

}  // namespace

std::string ContentDigests::digest_of(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) throw Error(path + ": cannot be read: " + reason(errno));
  const std::string name = fs::canonical(path).string();
  if (!S_ISDIR(status.st_mode)) {
    const std::string print = fingerprint(status);
    std::string digest = remembered(name, print);
    if (!digest.empty()) return digest;
    digest = file_digest(path);
    if (is_settled(status)) remember(name, print, digest);
    return digest;
  }
  const Folder folder = look_into(name);
  std::string digest = remembered(name, folder.print);
  if (!digest.empty()) return digest;
  CacheKey all;
  for (const auto& file : folder.names) {
    all.add(file);
    all.add(file_digest(name + "/" + file));
  }
  digest = hexadecimal(all.hash());
  if (folder.settled) remember(name, folder.print, digest);
  return digest;
}

std::string ContentDigests::remembered(const std::string& name, const std::string& print) {
  const auto known = memory_->known.find(name);
  if (known != memory_->known.end() && known->second.first == print) return known->second.second;
  // An existing database is asked; one is made only when there is something to write.
  if (database_.empty() || !(memory_->opened || fs::exists(database_))) return "";
  if (SQLite::Database* database = memory_->open(database_)) try {
      SQLite::Statement query(*database, "SELECT digest FROM digests WHERE path = ? AND fingerprint = ?");
      query.bind(1, name);
      query.bind(2, print);
      if (query.executeStep()) {
        const std::string digest = query.getColumn(0).getString();
        memory_->known[name] = {print, digest};
        return digest;
      }
    } catch (const SQLite::Exception&) {
    }
  return "";
}

void ContentDigests::remember(const std::string& name, const std::string& print, const std::string& digest) {
  constexpr std::size_t most_unwritten = 4096;
  memory_->known[name] = {print, digest};
  memory_->unwritten.push_back(name);
  if (memory_->unwritten.size() == most_unwritten) write_remembered();
}

// Together: a folder may have tens of thousands of texts, and each transaction waits for the disk.
void ContentDigests::write_remembered() {
  const auto names = std::exchange(memory_->unwritten, {});
  if (names.empty()) return;
  if (SQLite::Database* database = memory_->open(database_)) try {
      SQLite::Transaction transaction(*database);
      SQLite::Statement insert(*database, "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)");
      for (const auto& name : names) {
        const auto& [print, digest] = memory_->known.at(name);
        insert.bind(1, name);
        insert.bind(2, print);
        insert.bind(3, digest);
        insert.exec();
        insert.reset();
      }
      transaction.commit();
    } catch (const SQLite::Exception&) {
    }
}

std::map<std::string, std::string> ContentDigests::take_asked() {
  write_remembered();
  return std::exchange(asked_, {});
}

std::string ContentDigests::checkpoint(const std::string& folder) {
  std::vector<std::string> names;
  boost::system::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = entry.path().extension().string();
    if (name == "config.json" || name == "spiece.model" || name == "tokenizer.json" || ending == ".safetensors" ||
        ending == ".bin" || name.find(".index.json") != std::string::npos)
      names.push_back(name);
  }
  if (error) throw Error(folder + ": cannot be read: " + error.message());
  std::sort(names.begin(), names.end());
  std::string list;
  for (const auto& name : names) list += name + " " + file((fs::path(folder) / name).string()) + "\n";
  return text_digest(list);
}

}  // namespace atp
