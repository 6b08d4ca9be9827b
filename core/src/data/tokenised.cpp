#include "data/tokenised.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "data/token_file.h"
#include "data/word_table.h"

namespace atp {

namespace {

XXH128_hash_t key_of(const Split& split, const Tokenizer& tokenizer, const TokenLengths& lengths) {
  const XXH128_hash_t rows = split.hash();
  CacheKey key;
  for (const std::uint64_t number : {rows.high64, rows.low64, std::uint64_t{token_form.version}}) key.add(number);
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
  constexpr std::size_t rows_of_block = 128;
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
    split.store().release();
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

std::string cut_sources_text(std::int64_t length, const std::vector<std::pair<std::string, const TokenRows*>>& splits) {
  std::string counts;
  for (const auto& [name, rows] : splits)
    if (const auto cut = rows->truncated_sources(); cut > 0)
      counts += (counts.empty() ? "" : ", ") + std::to_string(cut) + " of " + std::to_string(rows->size()) +
                (name.empty() ? "" : " in " + name);
  return counts.empty() ? "" : "sources longer than " + std::to_string(length) + " tokens are cut: " + counts;
}

std::shared_ptr<const TokenRows> tokenise(const Split& split, const Tokenizer& tokenizer, const TokenLengths& lengths,
                                          const std::string& cache_folder) {
  const auto key = key_of(split, tokenizer, lengths);
  return token_rows(cache_file(cache_path(cache_folder, key, ".tokens"), token_form, key,
                               [&](auto& writer) { return write_rows(writer, split, tokenizer, lengths); }));
}

}  // namespace atp
