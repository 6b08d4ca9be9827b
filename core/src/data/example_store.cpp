#include "data/example_store.h"

#include <algorithm>
#include <cstring>
#include <limits>

// The file's body: texts, an entry for each example, the first bad rows (line, part and length of what is wrong with
// one, as 32-bit numbers, then the text). It counts examples, rows, bad rows, rows left out, bytes of texts, and the
// bad rows that it lists.
namespace atp {

namespace {

constexpr std::uint64_t most_listed = 5;

std::uint32_t length_of(const std::string& text, const Origin& origin) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max())
    throw DataError(origin, "a text of more than 4 GiB; no example is that long");
  return static_cast<std::uint32_t>(text.size());
}

std::string bytes_of(std::uint32_t number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

std::uint32_t number_at(std::string_view bytes, std::uint64_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

[[noreturn]] void contradicts() {
  throw FormatError(
      "a file of the cache of examples contradicts itself; remove the folder cache/ below the output folder");
}

}  // namespace

ExampleStore::ExampleStore(std::shared_ptr<const CacheFile> file, const XXH128_hash_t& key,
                           std::vector<std::string> parts)
    : file_(std::move(file)),
      key_(key),
      parts_(std::move(parts)),
      counts_{file_->count(1), file_->count(2), file_->count(3)} {
  const std::uint64_t examples = file_->count(0), texts = file_->count(4), size = file_->body().size();
  if (texts > size || texts % 8 != 0 || examples > (size - texts) / sizeof(Entry)) contradicts();
  entries_ = {reinterpret_cast<const Entry*>(file_->body().data() + texts), examples};
  for (const auto& one : entries_) {
    const std::uint64_t length = std::uint64_t{one.source} + one.target + one.group + std::uint64_t{one.references} * 4;
    if (one.at > texts || length > texts - one.at) contradicts();
  }
}

std::string_view ExampleStore::text(std::uint64_t at, std::uint64_t size) const {
  return file_->body().substr(at, size);
}

std::string_view ExampleStore::source(std::int64_t index) const { return text(entry(index).at, entry(index).source); }

std::string_view ExampleStore::target(std::int64_t index) const {
  return text(entry(index).at + entry(index).source, entry(index).target);
}

std::string_view ExampleStore::group(std::int64_t index) const {
  const Entry& one = entry(index);
  return text(one.at + one.source + one.target, one.group);
}

std::vector<std::string> ExampleStore::references(std::int64_t index) const {
  const Entry& one = entry(index);
  if (one.references == 0) return {std::string(target(index))};
  std::vector<std::string> texts;
  texts.reserve(one.references);
  std::uint64_t at = one.at + one.source + one.target + one.group;
  const std::uint64_t end = file_->count(4);
  for (std::uint32_t i = 0; i < one.references; ++i) {
    if (end - at < 4 || number_at(file_->body(), at) > end - at - 4) contradicts();
    const std::uint64_t length = number_at(file_->body(), at);
    texts.emplace_back(text(at + 4, length));
    at += 4 + length;
  }
  return texts;
}

Origin ExampleStore::origin(std::int64_t index) const {
  const Entry& one = entry(index);
  return {one.part < parts_.size() ? parts_[one.part] : "", one.line, 0};
}

TaskExample ExampleStore::get(std::int64_t index) const {
  return {std::string(source(index)),
          std::string(target(index)),
          references(index),
          std::string(group(index)),
          index,
          origin(index)};
}

std::vector<std::string> ExampleStore::bad_rows() const {
  std::vector<std::string> rows;
  const std::string_view body = file_->body();
  std::uint64_t at = file_->count(4) + entries_.size_bytes();
  for (std::uint64_t i = 0; i < file_->count(5); ++i) {
    if (body.size() - at < 12 || number_at(body, at + 8) > body.size() - at - 12) contradicts();
    const std::uint32_t line = number_at(body, at), part = number_at(body, at + 4);
    const std::uint64_t length = number_at(body, at + 8);
    const Origin origin{part < parts_.size() ? parts_[part] : "", static_cast<int>(line), 0};
    rows.push_back(origin.text() + ": " + std::string(body.substr(at + 12, length)));
    at += 12 + length;
  }
  return rows;
}

// Parts are read one after the other, and there may be many (a file for each text).
std::uint32_t ExampleWriter::part_of(const Origin& origin) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::size_t part = (part_ + i) % parts_.size();
    if (parts_[part] == origin.file) return part_ = static_cast<std::uint32_t>(part);
  }
  return static_cast<std::uint32_t>(parts_.size());
}

void ExampleWriter::add(const TaskExample& example) {
  ExampleStore::Entry entry{writer_.size(),
                            length_of(example.source, example.origin),
                            length_of(example.target, example.origin),
                            length_of(example.group, example.origin),
                            static_cast<std::uint32_t>(example.references.size()),
                            example.origin.line,
                            part_of(example.origin)};
  if (example.references.size() == 1 && example.references.front() == example.target) entry.references = 0;
  writer_.append(example.source);
  writer_.append(example.target);
  writer_.append(example.group);
  for (std::uint32_t i = 0; i < entry.references; ++i) {
    writer_.append(bytes_of(length_of(example.references[i], example.origin)));
    writer_.append(example.references[i]);
  }
  entries_.push_back(entry);
}

void ExampleWriter::add_bad(const Error& error) {
  if (++counts_.bad > most_listed) return;
  std::string what = error.what();
  const std::string place = error.origin().text() + ": ";
  if (what.starts_with(place)) what.erase(0, place.size());
  bad_ += bytes_of(static_cast<std::uint32_t>(error.origin().line)) + bytes_of(part_of(error.origin())) +
          bytes_of(static_cast<std::uint32_t>(what.size())) + what;
  ++listed_;
}

CacheCounts ExampleWriter::finish() {
  writer_.align();
  const std::uint64_t texts = writer_.size();
  writer_.append({reinterpret_cast<const char*>(entries_.data()), entries_.size() * sizeof entries_[0]});
  writer_.append(bad_);
  return {entries_.size(), counts_.rows, counts_.bad, counts_.left_out, texts, listed_};
}

std::shared_ptr<const ExampleStore> example_store(const std::string& path, const XXH128_hash_t& key,
                                                  const std::vector<std::string>& parts,
                                                  const std::function<void(ExampleWriter&)>& fill) {
  auto file = cache_file(path, example_form, key, [&](CacheWriter& writer) {
    ExampleWriter examples(writer, parts);
    fill(examples);
    return examples.finish();
  });
  return std::make_shared<ExampleStore>(std::move(file), key, parts);
}

}  // namespace atp
