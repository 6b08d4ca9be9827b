#include "data/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "atp/error.h"
#include "data/digest.h"

// The file: a header, and a body that is its form's. Numbers have the machine's byte order, which the header shows.
namespace atp {

namespace fs = boost::filesystem;

namespace {

constexpr std::size_t block = 1 << 20;

struct Header {
  std::array<char, 8> magic = {};
  std::uint32_t version = 0;
  std::uint32_t byte_order = 0x01020304;
  std::uint64_t key[2] = {};  // the file's name, again
  CacheCounts counts = {};
  std::uint64_t body_size = 0;
  std::uint64_t body_checksum = 0;    // XXH3, 64 bits
  std::uint64_t header_checksum = 0;  // of everything before it

  std::uint64_t checksum() const { return XXH3_64bits(this, offsetof(Header, header_checksum)); }
};
static_assert(sizeof(Header) % 8 == 0);

bool fits(const Header& header, const CacheForm& form, const XXH128_hash_t& key, std::size_t size) {
  return header.magic == form.magic && header.version == form.version && header.byte_order == Header().byte_order &&
         header.key[0] == key.high64 && header.key[1] == key.low64 && header.checksum() == header.header_checksum &&
         header.body_size == size - sizeof header;
}

std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> new_state() {
  return {XXH3_createState(), XXH3_freeState};
}

// Reads with a small buffer: a mapping's pages would count as this process's memory.
bool is_whole(int descriptor, const CacheForm& form, const XXH128_hash_t& key) {
  struct stat status = {};
  Header header;
  if (::fstat(descriptor, &status) != 0 || static_cast<std::size_t>(status.st_size) < sizeof header) return false;
  if (::pread(descriptor, &header, sizeof header, 0) != sizeof header) return false;
  if (!fits(header, form, key, static_cast<std::size_t>(status.st_size))) return false;
  const auto state = new_state();
  XXH3_64bits_reset(state.get());
  std::vector<char> buffer(block);
  std::uint64_t at = 0;
  while (at < header.body_size) {
    const ssize_t count = ::pread(descriptor, buffer.data(), buffer.size(), static_cast<off_t>(sizeof header + at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    XXH3_64bits_update(state.get(), buffer.data(), static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  return XXH3_64bits_digest(state.get()) == header.body_checksum;
}

}  // namespace

CacheKey::CacheKey() : state_(new_state()) { XXH3_128bits_reset(state_.get()); }
void CacheKey::add(std::uint64_t number) { XXH3_128bits_update(state_.get(), &number, sizeof number); }
void CacheKey::add(std::string_view text) {
  add(text.size());
  XXH3_128bits_update(state_.get(), text.data(), text.size());
}
XXH128_hash_t CacheKey::hash() const { return XXH3_128bits_digest(state_.get()); }

std::shared_ptr<const CacheFile> CacheFile::open(const std::string& path, const CacheForm& form,
                                                 const XXH128_hash_t& key) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  std::shared_ptr<const CacheFile> file;
  if (is_whole(descriptor, form, key)) {
    ::futimens(descriptor, nullptr);  // it is used; a folder of somebody else may not let this be told
    file.reset(new CacheFile(descriptor, path));
  }
  ::close(descriptor);
  return file;
}

CacheFile::CacheFile(int descriptor, const std::string& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) == 0) size_ = static_cast<std::size_t>(status.st_size);
  memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
  if (memory_ == MAP_FAILED)
    throw Error({path}, "cannot be mapped into memory: " + std::generic_category().message(errno));
  Header header;
  std::memcpy(&header, memory_, sizeof header);
  counts_ = header.counts;
  body_ = {static_cast<const char*>(memory_) + sizeof header, size_ - sizeof header};
}

CacheFile::~CacheFile() {
  if (memory_ != MAP_FAILED) ::munmap(memory_, size_);
}

CacheWriter::CacheWriter(const std::string& path, const CacheForm& form, const XXH128_hash_t& key)
    : path_(path), file_(path), form_(form), key_(key), checksum_(new_state()) {
  XXH3_64bits_reset(checksum_.get());
  file_.append(std::string(sizeof(Header), '\0'));
}

void CacheWriter::flush() {
  XXH3_64bits_update(checksum_.get(), buffer_.data(), buffer_.size());
  file_.append(buffer_);
  buffer_.clear();
}

void CacheWriter::append(std::string_view bytes) {
  buffer_ += bytes;
  size_ += bytes.size();
  if (buffer_.size() >= block) flush();
}

void CacheWriter::align() { append(std::string(size_ % 8 ? 8 - size_ % 8 : 0, '\0')); }

std::shared_ptr<const CacheFile> CacheWriter::finish(const CacheCounts& counts) {
  flush();
  Header header;
  header.magic = form_.magic;
  header.version = form_.version;
  header.key[0] = key_.high64;
  header.key[1] = key_.low64;
  header.counts = counts;
  header.body_size = size_;
  header.body_checksum = XXH3_64bits_digest(checksum_.get());
  header.header_checksum = header.checksum();
  file_.overwrite(0, {reinterpret_cast<const char*>(&header), sizeof header});
  file_.take_place(PartialFile::Durably::no);  // one that a power cut tears is not whole, and is made again
  return std::shared_ptr<const CacheFile>(new CacheFile(file_.descriptor(), path_));
}

std::shared_ptr<const CacheFile> cache_file(const std::string& path, const CacheForm& form, const XXH128_hash_t& key,
                                            const std::function<CacheCounts(CacheWriter&)>& make) {
  if (!path.empty()) {
    if (auto file = CacheFile::open(path, form, key)) return file;
    boost::system::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    fs::create_directories(folder, error);
    if (error) throw Error({folder.string()}, "cannot make the folder of the cache: " + error.message());
  }
  CacheWriter writer(path, form, key);
  if (!path.empty())  // made by another process, which this one waited for
    if (auto file = CacheFile::open(path, form, key)) return file;
  return writer.finish(make(writer));
}

std::string cache_path(const std::string& folder, const XXH128_hash_t& key, const std::string& ending) {
  return folder.empty() ? "" : (fs::path(folder) / (digest_text(key) + ending)).string();
}

}  // namespace atp
