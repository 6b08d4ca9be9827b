#include "data/tokenised.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "data/cache_file.h"
#include "data/word_table.h"

// The file's body: the ids of each row's source and target, one behind the other; then the ends of all of these,
// counted in ids from 0 (source of row 0, its target, source of row 1 …), with a 0 before them. It counts rows, ids,
// and sources that were cut.
namespace atp {

TokenRows::~TokenRows() = default;

namespace {

constexpr CacheForm form{{'A', 'T', 'P', 'T', 'O', 'K', 'N', 'S'}, 2};

class View final : public TokenRows {
 public:
  explicit View(std::shared_ptr<const CacheFile> file) : file_(std::move(file)) {
    const std::uint64_t ids = file_->count(1), most = file_->body().size() / 4;
    const std::uint64_t before = (ids * 4 + 7) / 8 * 8;
    if (ids > most || file_->count(0) > most || before + (2 * file_->count(0) + 1) * 8 != file_->body().size())
      contradicts();
    ids_ = reinterpret_cast<const std::int32_t*>(file_->body().data());
    ends_ = {reinterpret_cast<const std::uint64_t*>(file_->body().data() + before), 2 * file_->count(0) + 1};
    if (!std::is_sorted(ends_.begin(), ends_.end()) || ends_.back() > ids) contradicts();
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(file_->count(0)); }
  std::int64_t truncated_sources() const override { return static_cast<std::int64_t>(file_->count(2)); }
  std::span<const std::int32_t> source(std::int64_t row) const override { return text(2 * row); }
  std::span<const std::int32_t> target(std::int64_t row) const override { return text(2 * row + 1); }

 private:
  [[noreturn]] static void contradicts() {
    throw FormatError(
        "a file of the cache of tokens contradicts itself; remove the folder cache/ below the output folder");
  }
  std::span<const std::int32_t> text(std::int64_t number) const {
    const auto place = static_cast<std::size_t>(number);
    return {ids_ + ends_[place], ids_ + ends_[place + 1]};
  }

  std::shared_ptr<const CacheFile> file_;
  const std::int32_t* ids_;
  std::span<const std::uint64_t> ends_;
};

XXH128_hash_t key_of(const Split& split, const Tokenizer& tokenizer, const TokenLengths& lengths) {
  const XXH128_hash_t rows = split.hash();
  CacheKey key;
  for (const std::uint64_t number : {rows.high64, rows.low64, std::uint64_t{form.version}}) key.add(number);
  key.add(tokenizer.digest());
  key.add(static_cast<std::uint64_t>(lengths.source));
  key.add(static_cast<std::uint64_t>(lengths.target));
  return key.hash();
}

// Ids of some rows that follow each other.
struct Block {
  std::vector<std::int32_t> ids;
  std::vector<std::uint64_t> ends;  // from the block's start
  std::uint64_t truncated = 0;
};

Block tokenise_rows(const Split& split, std::size_t first, std::size_t last, WordTable& words,
                    const TokenLengths& lengths) {
  Block block;
  const auto add = [&](std::string_view text, std::int64_t length) {
    const auto encoded = words.encode(text, length);
    block.ids.insert(block.ids.end(), encoded.ids.begin(), encoded.ids.end());
    block.ends.push_back(block.ids.size());
    return encoded.truncated;
  };
  for (std::size_t row = first; row < last; ++row) {
    block.truncated += add(split.source(row), lengths.source);
    add(split.target(row), lengths.target);
  }
  return block;
}

// Rows are independent: blocks of them are tokenised side by side and written in their order.
CacheCounts write_rows(CacheWriter& writer, const Split& split, const Tokenizer& tokenizer,
                       const TokenLengths& lengths) {
  constexpr std::size_t rows_of_block = 512;
  const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16);
  std::vector<WordTable> words(threads, WordTable(tokenizer));
  std::vector<std::uint64_t> ends{0};
  std::uint64_t truncated = 0;
  for (std::size_t at = 0; at < split.size();) {
    std::vector<std::future<Block>> blocks;
    for (std::size_t i = 0; i < threads && at < split.size(); ++i) {
      const std::size_t first = at, last = std::min(at + rows_of_block, split.size());
      blocks.push_back(std::async(std::launch::async, [&split, &table = words[i], &lengths, first, last] {
        return tokenise_rows(split, first, last, table, lengths);
      }));
      at = last;
    }
    for (auto& future : blocks) {  // in their order
      const Block block = future.get();
      const std::uint64_t before = ends.back();
      for (const auto end : block.ends) ends.push_back(before + end);
      truncated += block.truncated;
      writer.append({reinterpret_cast<const char*>(block.ids.data()), block.ids.size() * sizeof block.ids[0]});
    }
  }
  writer.align();
  writer.append({reinterpret_cast<const char*>(ends.data()), ends.size() * sizeof ends[0]});
  return {split.size(), ends.back(), truncated};
}

}  // namespace

std::int64_t target_length(const TextTask& task, const Tokenizer& tokenizer, std::optional<std::int64_t> given) {
  std::size_t longest = 0;
  for (const auto& label : task.labels) longest = std::max(longest, tokenizer.encode(label.text).size() + 1);
  if (longest > 0) return static_cast<std::int64_t>(longest);
  if (given) return *given;
  throw RecipeError("task '" + task.name +
                    "' writes free text, so the recipe must say how long an answer may be: target_length, in tokens "
                    "with the end of the text (32, for example)");
}

std::shared_ptr<const TokenRows> tokenise(const Split& split, const Tokenizer& tokenizer, const TokenLengths& lengths,
                                          const std::string& cache_folder) {
  const auto key = key_of(split, tokenizer, lengths);
  return std::make_shared<View>(cache_file(cache_path(cache_folder, key, ".tokens"), form, key, [&](auto& writer) {
    return write_rows(writer, split, tokenizer, lengths);
  }));
}

}  // namespace atp
