#include "data/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "atp/error.h"
#include "data/gzip.h"
#include "data/spill_file.h"
#include "data/unpack_limit.h"

namespace atp {

namespace {

constexpr std::size_t most_entries = 4'000'000;  // of one archive: their names are in memory

// As long as it lives, libarchive can say any name: it converts those of a 7z to the thread's characters first.
class Utf8Names {
 public:
  Utf8Names() : before_(::uselocale(utf8())) {}
  ~Utf8Names() { ::uselocale(before_); }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  static locale_t utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }
  locale_t before_;
};

// An archive that is open, and stands on one of its entries.
class OpenArchive {
 public:
  explicit OpenArchive(std::string path);
  ~OpenArchive() { archive_read_free(archive_); }
  OpenArchive(const OpenArchive&) = delete;
  OpenArchive& operator=(const OpenArchive&) = delete;

  bool next();  // false: there are no more entries
  ArchiveEntry entry() const;
  bool is_folder() const { return archive_entry_filetype(entry_) == AE_IFDIR; }
  // The next bytes of the entry and where they stand in it; false at its end.
  bool block(std::string_view& bytes, std::int64_t& offset);
  // Read so far. A 7z packs its entries together, and its table stands at its end: all of it counts for each of them.
  std::int64_t packed_bytes() const { return is_7z_ ? file_bytes_ : archive_filter_bytes(archive_, -1); }
  std::int64_t packed_bytes_before() const { return is_7z_ ? 0 : packed_bytes(); }  // the entry that it stands on
  const std::string& path() const { return path_; }

 private:
  static la_ssize_t read(archive* from, void* self, const void** buffer);
  [[noreturn]] void fail(const std::string& what);
  void open_seekable();
  void open_tar();

  std::string path_;
  bool is_7z_;
  archive* archive_;
  archive_entry* entry_ = nullptr;
  std::int64_t file_bytes_ = 0;        // of a 7z
  std::int64_t stated_bytes_ = 0;      // of its entries so far
  std::unique_ptr<ByteSource> bytes_;  // of a tar
  std::exception_ptr thrown_;          // by `bytes_`, below libarchive's own functions
};

OpenArchive::OpenArchive(std::string path)
    : path_(std::move(path)), is_7z_(path_.ends_with(".7z")), archive_(archive_read_new()) {
  if (!archive_) throw DataError({path_}, "cannot be read: no memory");
  try {
    if (is_7z_ || path_.ends_with(".zip")) {
      open_seekable();
    } else {
      open_tar();
    }
  } catch (...) {
    archive_read_free(archive_);
    throw;
  }
}

void OpenArchive::open_seekable() {
  const FileBytes there(path_);  // what is not there or no file is said in our words
  if (is_7z_) {
    struct stat status = {};
    if (::stat(path_.c_str(), &status) == 0) file_bytes_ = status.st_size;
    archive_read_support_format_7zip(archive_);
  } else {
    archive_read_support_format_zip_seekable(archive_);
  }
  if (archive_read_open_filename(archive_, path_.c_str(), 1 << 16) != ARCHIVE_OK)
    fail(std::string("no ") + (is_7z_ ? "7z" : "zip") + " archive, or cut short");
}

void OpenArchive::open_tar() {
  bytes_ = std::make_unique<FileBytes>(path_);
  if (!path_.ends_with(".tar")) bytes_ = std::make_unique<GzipBytes>(std::move(bytes_), path_);
  archive_read_support_format_tar(archive_);
  if (archive_read_open(archive_, this, nullptr, read, nullptr) != ARCHIVE_OK) fail("no tar archive, or cut short");
}

// libarchive is C: nothing may be thrown through it.
la_ssize_t OpenArchive::read(archive* from, void* self, const void** buffer) {
  auto& here = *static_cast<OpenArchive*>(self);
  try {
    const std::string_view chunk = here.bytes_->next();
    *buffer = chunk.data();
    return static_cast<la_ssize_t>(chunk.size());
  } catch (...) {
    here.thrown_ = std::current_exception();
    archive_set_error(from, EIO, "cannot be read");
    return -1;
  }
}

void OpenArchive::fail(const std::string& what) {
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  const char* words = archive_error_string(archive_);
  throw DataError({path_}, "cannot be read: " + what + (words ? " (" + std::string(words) + ")" : "") +
                               "; fetch it again, or unpack it yourself into a folder below the data root");
}

bool OpenArchive::next() {
  const Utf8Names names;
  const int status = archive_read_next_header(archive_, &entry_);
  if (status == ARCHIVE_EOF) return false;
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail("the archive is broken or cut short");
  if (is_7z_) {  // which unpacks what it passes over, too, but never more than its table states
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    stated_bytes_ += std::clamp<std::int64_t>(archive_entry_size(entry_), 0, most - stated_bytes_);
    UnpackLimit(path_).check(static_cast<std::uint64_t>(file_bytes_), static_cast<std::uint64_t>(stated_bytes_));
  }
  return true;
}

ArchiveEntry OpenArchive::entry() const {
  const Utf8Names names;
  const char* name = archive_entry_pathname_utf8(entry_);
  if (!name) name = archive_entry_pathname(entry_);
  ArchiveEntry result{name ? name : ""};
  while (result.name.starts_with("./")) result.name.erase(0, 2);
  if (archive_entry_filetype(entry_) != AE_IFREG || archive_entry_hardlink(entry_)) {
    result.kind = ArchiveEntry::Kind::other;
  } else if (archive_entry_is_encrypted(entry_)) {
    result.kind = ArchiveEntry::Kind::encrypted;
  }
  return result;
}

bool OpenArchive::block(std::string_view& bytes, std::int64_t& offset) {
  const void* data = nullptr;
  std::size_t size = 0;
  const int status = archive_read_data_block(archive_, &data, &size, &offset);
  if (status == ARCHIVE_EOF) return false;
  if (status != ARCHIVE_OK) fail("its entry " + entry().name + " is broken or cut short");
  bytes = {static_cast<const char*>(data), size};
  return true;
}

// The bytes of the entry that an archive stands on.
class EntryBytes final : public ByteSource {
 public:
  explicit EntryBytes(OpenArchive& archive)
      : archive_(archive),
        limit_(archive.path() + ": " + archive.entry().name),
        start_(archive.packed_bytes_before()) {}

  std::string_view next() override {
    std::string_view bytes;
    std::int64_t offset = 0;
    while (!ended_ && bytes.empty()) {
      ended_ = !archive_.block(bytes, offset);
      if (ended_) return {};
      if (offset != position_) {
        throw DataError({archive_.path()}, "its entry " + archive_.entry().name + " has holes, which no data file has");
      }
    }
    position_ += static_cast<std::int64_t>(bytes.size());
    // What is read ahead counts, too: a limit that is a little too high.
    limit_.check(static_cast<std::uint64_t>(std::max<std::int64_t>(archive_.packed_bytes() - start_, 0)),
                 static_cast<std::uint64_t>(position_));
    return bytes;
  }

 private:
  OpenArchive& archive_;
  UnpackLimit limit_;
  std::int64_t start_;
  std::int64_t position_ = 0;
  bool ended_ = false;
};

std::vector<ArchiveEntry> list(const std::string& path) {
  std::vector<ArchiveEntry> entries;
  OpenArchive archive(path);
  while (archive.next()) {
    ArchiveEntry entry = archive.entry();
    if (leads_out(entry.name)) {
      throw DataError({path}, "not read: its entry '" + entry.name +
                                  "' leads out of the archive; no data set's own archive has such names");
    }
    if (archive.is_folder() || entry.name.empty()) continue;
    if (entries.size() == most_entries) {
      throw DataError({path}, "not read: it has more than " + std::to_string(most_entries) + " entries");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

void require_readable(const ArchiveEntry& entry, const std::string& path) {
  if (entry.kind == ArchiveEntry::Kind::encrypted) {
    throw DataError({path}, "its entry " + entry.name +
                                " is encrypted; unpack it with its password into a folder below the data root");
  }
  if (entry.kind == ArchiveEntry::Kind::other) {
    throw DataError({path}, "its entry " + entry.name +
                                " is a link or a device, which is not followed; a file is "
                                "expected");
  }
}

}  // namespace

const std::vector<std::string>& archive_endings() {
  static const std::vector<std::string> endings = {".zip", ".tar.gz", ".tgz", ".tar", ".7z"};
  return endings;
}

bool is_archive(const std::string& path) {
  const auto& endings = archive_endings();
  return std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) { return path.ends_with(ending); });
}

bool leads_out(const std::string& name) {
  return name.starts_with("/") || ("/" + name + "/").find("/../") != std::string::npos;
}

std::shared_ptr<const std::vector<ArchiveEntry>> archive_entries(const std::string& path) {
  using Version = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  struct Listed {
    Version version;
    std::shared_ptr<const std::vector<ArchiveEntry>> entries;
  };
  static std::mutex mutex;
  static std::map<std::string, Listed> listed;
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) FileBytes{path};  // says why
  const std::lock_guard lock(mutex);
  auto& known = listed[path];
  const Version version{status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  if (!known.entries || known.version != version) {
    known = {version, nullptr};
    known.entries = std::make_shared<const std::vector<ArchiveEntry>>(list(path));
  }
  return known.entries;
}

void pass_entries(const std::string& path, std::size_t count,
                  const std::function<std::optional<std::size_t>(const std::string& name)>& number_of,
                  const std::function<void(std::size_t number, ByteSource& bytes)>& visit) {
  OpenArchive archive(path);
  while (count > 0 && archive.next()) {
    const ArchiveEntry entry = archive.entry();
    if (archive.is_folder()) continue;
    const auto number = number_of(entry.name);
    if (!number) continue;
    require_readable(entry, path);
    EntryBytes bytes(archive);
    visit(*number, bytes);
    --count;
  }
}

void visit_entries(const std::string& path, const std::vector<std::string>& names,
                   const std::function<void(std::size_t index, ByteSource& bytes)>& visit) {
  std::map<std::string, std::size_t> wanted;
  for (std::size_t i = 0; i < names.size(); ++i) wanted.emplace(names[i], i);
  const auto number_of = [&](const std::string& name) {
    std::optional<std::size_t> number;
    if (const auto taken = wanted.extract(name)) number = taken.mapped();
    return number;
  };
  std::vector<std::optional<SpillFile::Piece>> put_by(names.size());
  std::optional<SpillFile> spill;
  std::size_t next = 0;
  pass_entries(path, wanted.size(), number_of, [&](std::size_t index, ByteSource& bytes) {
    if (index != next) {
      if (!spill) spill.emplace();
      put_by[index] = spill->append(bytes);
      return;
    }
    visit(next++, bytes);
    for (; next < names.size() && put_by[next]; ++next) {
      SpilledBytes spilled(*spill, *put_by[next]);
      visit(next, spilled);
    }
  });
  if (next < names.size()) throw DataError({path}, "no entry " + wanted.begin()->first + " in this archive any more");
}

}  // namespace atp
