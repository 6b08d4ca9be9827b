#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "atp/error.h"
#include "data/cache_file.h"

// The examples of one data file, as text in a memory-mapped file: written while rows are rendered, never in memory
// together.
namespace atp {

constexpr std::uint32_t example_store_version = 1;  // of the file's form; part of its key
constexpr CacheForm example_form{{'A', 'T', 'P', 'E', 'X', 'M', 'P', 'L'}, example_store_version};

// An example as the model sees it: prefix written before the source, label translated.
struct TaskExample {
  std::string source;
  std::string target;
  std::vector<std::string> references = {};  // never empty
  std::string group = {};
  std::int64_t index = 0;  // number of the example among those of its file, from 0: what the permutation chose from
  Origin origin = {};      // the row that it was made of
};

// What became of a file's rows.
struct RowCounts {
  std::uint64_t rows = 0;
  std::uint64_t bad = 0;       // could not be used
  std::uint64_t left_out = 0;  // by the task's own rule
};

class ExampleStore {
 public:
  // `parts`: names of the data file's parts, for the origins of examples. Throws FormatError where the file
  // contradicts itself.
  ExampleStore(std::shared_ptr<const CacheFile> file, const XXH128_hash_t& key, std::vector<std::string> parts);

  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  TaskExample get(std::int64_t index) const;
  // Look into the file, and live as long as the store.
  std::string_view source(std::int64_t index) const;
  std::string_view target(std::int64_t index) const;
  std::string_view group(std::int64_t index) const;
  std::vector<std::string> references(std::int64_t index) const;
  Origin origin(std::int64_t index) const;

  void release() const { file_->release(); }  // the pages that were read: views stay what they are

  const RowCounts& counts() const { return counts_; }
  std::vector<std::string> bad_rows() const;         // the first few, each "file:line: what is wrong"
  const XXH128_hash_t& key() const { return key_; }  // says what it holds; that of a temporary one says nothing

 private:
  friend class ExampleWriter;
  struct Entry {
    std::uint64_t at;  // source, target, group, references, one behind the other
    std::uint32_t source, target, group, references;
    std::int32_t line;
    std::uint32_t part;
  };
  const Entry& entry(std::int64_t index) const { return entries_[static_cast<std::size_t>(index)]; }
  std::string_view text(std::uint64_t at, std::uint64_t size) const;

  std::shared_ptr<const CacheFile> file_;
  XXH128_hash_t key_;
  std::vector<std::string> parts_;
  std::span<const Entry> entries_;
  RowCounts counts_;
};

// Fills a store. Entries are kept until the end, texts are not.
class ExampleWriter {
 public:
  ExampleWriter(CacheWriter& writer, std::vector<std::string> parts) : writer_(writer), parts_(std::move(parts)) {}

  void add(const TaskExample& example);  // its index is its place
  void add_row() { ++counts_.rows; }     // once for each row, whatever becomes of it
  void add_left_out() { ++counts_.left_out; }
  void add_bad(const Error& error);
  CacheCounts finish();

 private:
  std::uint32_t part_of(const Origin& origin);

  CacheWriter& writer_;
  std::vector<std::string> parts_;
  std::vector<ExampleStore::Entry> entries_;
  RowCounts counts_;
  std::uint32_t part_ = 0;  // of the last row
  std::string bad_;         // the first few
  std::uint64_t listed_ = 0;
};

// The store at `path` ("": a temporary one), which `fill` makes where it is not there or not whole.
std::shared_ptr<const ExampleStore> example_store(const std::string& path, const XXH128_hash_t& key,
                                                  const std::vector<std::string>& parts,
                                                  const std::function<void(ExampleWriter&)>& fill);

}  // namespace atp
