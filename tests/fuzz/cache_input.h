#pragma once

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "data/cache_file.h"
#include "tests/fuzz/memory_file.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define ATP_FUZZ_ADDRESSES
#endif
#endif

// An input as a file of the cache: once as it stands, which is refused, and once with a header that is right except for
// its counts, which are the input's. The header, in bytes: magic 8, version 4, byte order 4, key 16, counts 48, size
// and sum of the body 8 each, sum of what is before it 8.
class CacheInput {
 public:
  CacheInput(const std::uint8_t* data, std::size_t size, const atp::CacheForm& form)
      : bytes_(reinterpret_cast<const char*>(data), size) {
    const MemoryFile as_it_stands(data, size);
    atp::CacheFile::open(as_it_stands.path(), form, key);
    if (size < header_size) return;
    complete(form);
    const MemoryFile whole(reinterpret_cast<const std::uint8_t*>(bytes_.data()), size);
    file_ = atp::CacheFile::open(whole.path(), form, key);
    if (!file_) std::abort();  // the header has changed, and this has not
    guard(true);
  }
  ~CacheInput() {
    if (file_) guard(false);
  }
  CacheInput(const CacheInput&) = delete;
  CacheInput& operator=(const CacheInput&) = delete;

  const std::shared_ptr<const atp::CacheFile>& file() const { return file_; }  // nullptr: shorter than a header

  static constexpr XXH128_hash_t key{1, 2};

 private:
  static constexpr std::size_t header_size = 104;

  template <class Number>
  void put(std::size_t at, Number number) {
    std::memcpy(bytes_.data() + at, &number, sizeof number);
  }
  void complete(const atp::CacheForm& form) {
    put(0, form.magic);
    put(8, form.version);
    put(12, std::uint32_t{0x01020304});
    put(16, std::uint64_t{key.high64});
    put(24, std::uint64_t{key.low64});
    put(80, std::uint64_t{bytes_.size() - header_size});
    put(88, std::uint64_t{XXH3_64bits(bytes_.data() + header_size, bytes_.size() - header_size)});
    put(96, std::uint64_t{XXH3_64bits(bytes_.data(), 96)});
  }
  // A mapping ends with a page: what lies between the file's end and that is forbidden, so that reading it shows.
  void guard([[maybe_unused]] bool on) const {
#ifdef ATP_FUZZ_ADDRESSES
    const char* end = file_->body().data() + file_->body().size();
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t rest = (page - bytes_.size() % page) % page;
    on ? __asan_poison_memory_region(end, rest) : __asan_unpoison_memory_region(end, rest);
#endif
  }

  std::string bytes_;
  std::shared_ptr<const atp::CacheFile> file_;
};

// Reads every byte, and none of them may be left out.
inline void read_bytes(const void* data, std::size_t size) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<const unsigned char*>(data)[i];
  [[maybe_unused]] static volatile unsigned read;
  read = sum;
}
