#pragma once

#include <sys/mman.h>
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/durable_file.h"

// Files of the cache: examples, and their token ids. Each is made once, named by what it holds, found whole by its
// checksums and memory-mapped. Several processes may read and make one at once.
namespace atp {

// What a file's name is the hash of: XXH3, 128 bits.
class CacheKey {
 public:
  CacheKey();
  void add(std::uint64_t number);
  void add(std::string_view text);
  XXH128_hash_t hash() const;

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

struct CacheForm {
  std::array<char, 8> magic;
  std::uint32_t version;
};

using CacheCounts = std::array<std::uint64_t, 6>;  // what a form counts; its own business

// A whole file, mapped.
class CacheFile {
 public:
  // nullptr where the file is not there, or is not what its name says.
  static std::shared_ptr<const CacheFile> open(const std::string& path, const CacheForm& form,
                                               const XXH128_hash_t& key);
  ~CacheFile();
  CacheFile(const CacheFile&) = delete;
  CacheFile& operator=(const CacheFile&) = delete;

  std::string_view body() const { return body_; }
  std::uint64_t count(std::size_t which) const { return counts_[which]; }
  // Takes the pages that were read out of this process's memory; they are found again where they are asked for.
  void release() const { ::madvise(memory_, size_, MADV_DONTNEED); }

 private:
  friend class CacheWriter;
  CacheFile(int descriptor, const std::string& path);  // throws Error where it cannot be mapped

  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::string_view body_;
  CacheCounts counts_;
};

// A file in the making: its body grows at its end. Only a small part of it is in memory.
class CacheWriter {
 public:
  // An empty path: a temporary file. Waits for another process that makes the same file.
  CacheWriter(const std::string& path, const CacheForm& form, const XXH128_hash_t& key);

  void append(std::string_view bytes);
  void align();                                 // zeros up to a multiple of 8
  std::uint64_t size() const { return size_; }  // of the body so far
  std::shared_ptr<const CacheFile> finish(const CacheCounts& counts);

 private:
  void flush();

  std::string path_;
  PartialFile file_;
  CacheForm form_;
  XXH128_hash_t key_;
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> checksum_;
  std::string buffer_;
  std::uint64_t size_ = 0;
};

// The file at `path`, which `make` makes where it is not there or not whole. Makes its folder, too; an empty path is a
// temporary file. Throws Error naming the path where it cannot be written.
std::shared_ptr<const CacheFile> cache_file(const std::string& path, const CacheForm& form, const XXH128_hash_t& key,
                                            const std::function<CacheCounts(CacheWriter&)>& make);

// `folder`/<hash>`ending`; "" for an empty folder.
std::string cache_path(const std::string& folder, const XXH128_hash_t& key, const std::string& ending);

}  // namespace atp
