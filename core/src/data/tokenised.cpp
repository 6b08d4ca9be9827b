#include "data/tokenised.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cstring>
#include <utility>

#include "data/digest.h"
#include "io/durable_file.h"

// The file: a header, `rows` + 1 ends of sources, `rows` + 1 ends of targets (counted in tokens over both areas, from
// 0), the sources' ids, the targets' ids. Numbers have the machine's byte order, which the magic word shows.
namespace atp {

namespace fs = boost::filesystem;

TokenRows::~TokenRows() = default;

namespace {

constexpr std::uint32_t format_version = 1;

struct Header {
  char magic[8] = {'A', 'T', 'P', 'T', 'O', 'K', 'N', 'S'};
  std::uint32_t version = format_version;
  std::uint32_t byte_order = 0x01020304;
  std::uint64_t key[2] = {};  // XXH3 of all that the ids depend on: the file's name, again
  std::uint64_t rows = 0;
  std::uint64_t source_ids = 0;
  std::uint64_t target_ids = 0;
  std::uint64_t truncated = 0;
  std::uint64_t checksum = 0;  // XXH3 of everything after the header

  std::uint64_t body_size() const { return 2 * (rows + 1) * sizeof(std::uint64_t) + (source_ids + target_ids) * 4; }
};

// Looks at a whole file's bytes, wherever they are.
class View final : public TokenRows {
 public:
  // Keeps `memory`, which owns the bytes.
  View(std::shared_ptr<const void> memory, const char* bytes) : memory_(std::move(memory)) {
    std::memcpy(&header_, bytes, sizeof header_);
    source_ends_ = reinterpret_cast<const std::uint64_t*>(bytes + sizeof header_);
    target_ends_ = source_ends_ + header_.rows + 1;
    sources_ = reinterpret_cast<const std::int32_t*>(target_ends_ + header_.rows + 1);
    targets_ = sources_ + header_.source_ids;
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(header_.rows); }
  std::int64_t truncated_sources() const override { return static_cast<std::int64_t>(header_.truncated); }
  std::span<const std::int32_t> source(std::int64_t row) const override { return span(sources_, source_ends_, row); }
  std::span<const std::int32_t> target(std::int64_t row) const override { return span(targets_, target_ends_, row); }

 private:
  static std::span<const std::int32_t> span(const std::int32_t* ids, const std::uint64_t* ends, std::int64_t row) {
    return {ids + ends[row], ids + ends[row + 1]};
  }

  std::shared_ptr<const void> memory_;
  Header header_;
  const std::uint64_t* source_ends_;
  const std::uint64_t* target_ends_;
  const std::int32_t* sources_;
  const std::int32_t* targets_;
};

template <class Numbers>
void append(std::string& bytes, const Numbers& numbers) {
  bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof numbers[0]);
}

XXH128_hash_t key_of(const std::vector<TaskExample>& examples, const Tokenizer& tokenizer,
                     const TokenLengths& lengths) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto number = [&](std::uint64_t value) { XXH3_128bits_update(state.get(), &value, sizeof value); };
  const auto text = [&](const std::string& value) {
    number(value.size());
    XXH3_128bits_update(state.get(), value.data(), value.size());
  };
  number(format_version);
  text(tokenizer.digest());
  number(static_cast<std::uint64_t>(lengths.source));
  number(static_cast<std::uint64_t>(lengths.target));
  for (const auto& example : examples) {
    text(example.source);
    text(example.target);
  }
  return XXH3_128bits_digest(state.get());
}

std::string make_file(const std::vector<TaskExample>& examples, const Tokenizer& tokenizer, const TokenLengths& lengths,
                      const XXH128_hash_t& key) {
  Header header;
  header.key[0] = key.high64;
  header.key[1] = key.low64;
  header.rows = examples.size();
  std::vector<std::uint64_t> source_ends{0}, target_ends{0};
  std::vector<std::int32_t> sources, targets;
  for (const auto& example : examples) {
    const auto source = tokenizer.encode(example.source, lengths.source);
    const auto target = tokenizer.encode(example.target, lengths.target);
    header.truncated += source.truncated;
    sources.insert(sources.end(), source.ids.begin(), source.ids.end());
    targets.insert(targets.end(), target.ids.begin(), target.ids.end());
    source_ends.push_back(sources.size());
    target_ends.push_back(targets.size());
  }
  header.source_ids = sources.size();
  header.target_ids = targets.size();
  std::string bytes(sizeof header, '\0');
  bytes.reserve(sizeof header + header.body_size());
  append(bytes, source_ends);
  append(bytes, target_ends);
  append(bytes, sources);
  append(bytes, targets);
  header.checksum = XXH3_64bits(bytes.data() + sizeof header, bytes.size() - sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

bool is_whole(const char* bytes, std::size_t size, const XXH128_hash_t& key) {
  const Header expected;
  Header header;
  if (size < sizeof header) return false;
  std::memcpy(&header, bytes, sizeof header);
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0) return false;
  if (header.version != expected.version || header.byte_order != expected.byte_order) return false;
  if (header.key[0] != key.high64 || header.key[1] != key.low64) return false;
  const std::uint64_t most = size / 4;  // so that the sum below cannot overflow
  if (header.rows > most || header.source_ids > most || header.target_ids > most) return false;
  if (header.body_size() != size - sizeof header) return false;
  return XXH3_64bits(bytes + sizeof header, size - sizeof header) == header.checksum;
}

// nullptr where the file is not there, or is not what its name says.
std::shared_ptr<const TokenRows> map_file(const std::string& path, const XXH128_hash_t& key) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0 && status.st_size > 0;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* memory = known ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  ::close(descriptor);
  if (memory == MAP_FAILED) return nullptr;
  const std::shared_ptr<const void> owner(memory, [size](void* address) { ::munmap(address, size); });
  const char* bytes = static_cast<const char*>(memory);
  if (!is_whole(bytes, size, key)) return nullptr;
  return std::make_shared<View>(owner, bytes);
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

std::shared_ptr<const TokenRows> tokenise(const std::vector<TaskExample>& examples, const Tokenizer& tokenizer,
                                          const TokenLengths& lengths, const std::string& cache_folder) {
  const auto key = key_of(examples, tokenizer, lengths);
  if (cache_folder.empty()) {
    const auto bytes = std::make_shared<const std::string>(make_file(examples, tokenizer, lengths, key));
    return std::make_shared<View>(bytes, bytes->data());
  }
  const std::string path = (fs::path(cache_folder) / (digest_text(key) + ".tokens")).string();
  if (auto rows = map_file(path, key)) return rows;
  boost::system::error_code error;
  fs::create_directories(cache_folder, error);
  if (error) throw Error({cache_folder}, "cannot make the folder for tokenised data: " + error.message());
  write_durably(path, make_file(examples, tokenizer, lengths, key));
  if (auto rows = map_file(path, key)) return rows;
  throw Error({path}, "was written and does not read back the same: the disk or its file system is at fault");
}

}  // namespace atp
