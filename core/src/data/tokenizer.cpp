#include "data/tokenizer.h"

#include <sentencepiece_processor.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cctype>
#include <limits>
#include <optional>

#include "atp/error.h"
#include "data/digest.h"
#include "io/durable_file.h"

namespace atp {

namespace fs = boost::filesystem;

struct Tokenizer::State {
  sentencepiece::SentencePieceProcessor processor;
  std::string path;
  std::string digest;
  bool words_stand_alone = false;
};

namespace {

constexpr std::int32_t pad = 0, end_of_text = 1, unknown = 2;
constexpr std::int64_t sentinels = 100;
constexpr std::int32_t frequent_limit = 5000;  // a vocabulary file lists its pieces by frequency

// The outermost level of a model file: protobuf fields 1 (pieces), 2 (trainer) and 3 (normaliser), each a length and so
// many bytes. A file that is cut between two fields still parses as protobuf; this finds it out.
class Outline {
 public:
  explicit Outline(std::string_view bytes) : bytes_(bytes) {}

  enum class State { whole, cut, foreign };
  State state() {
    bool any = false, trainer = false, normaliser = false;
    while (at_ < bytes_.size()) {
      const auto tag = number();
      const auto field = tag.value_or(0) >> 3;
      if (!tag || (*tag & 7) != 2 || field == 0) return any && !tag ? State::cut : State::foreign;
      const auto length = number();
      if (!length || *length > bytes_.size() - at_) return any ? State::cut : State::foreign;
      at_ += *length;
      any = true;
      trainer = trainer || field == 2;
      normaliser = normaliser || field == 3;
    }
    if (!any) return State::foreign;
    return trainer && normaliser ? State::whole : State::cut;
  }

 private:
  std::optional<std::uint64_t> number() {  // seven bits a byte, low ones first
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

void require_whole(const std::string& bytes, const std::string& path) {
  if (bytes.empty()) throw FormatError({path}, "the file is empty; expected a SentencePiece model");
  switch (Outline(bytes).state()) {
    case Outline::State::whole:
      return;
    case Outline::State::cut:
      throw FormatError({path}, "the SentencePiece model is cut short at " + std::to_string(bytes.size()) +
                                    " bytes; fetch the file again");
    case Outline::State::foreign:
      throw FormatError({path}, "not a SentencePiece model (spiece.model as it comes with a T5 checkpoint)");
  }
}

bool is_sentinel(std::string_view piece) {
  if (piece.starts_with("\u2581")) piece.remove_prefix(std::string_view("\u2581").size());
  return piece.starts_with("<extra_id_") && piece.ends_with('>');
}

std::string without_spaces(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (!std::isspace(static_cast<unsigned char>(c))) result += c;
  }
  return result;
}

constexpr std::string_view space_mark = "\u2581";

// Spaces become marks before pieces are chosen; one at the front, and none doubled, as T5 has it.
bool parts_words(const sentencepiece::SentencePieceProcessor& processor) {
  const auto ids = [&](std::string_view text) {
    std::vector<int> found;
    return processor.Encode(text, &found).ok() ? found : std::vector<int>{};
  };
  const auto first = ids("a");
  if (first.empty() || !std::string_view(processor.IdToPiece(first.front())).starts_with(space_mark)) return false;
  if (ids("  a   a ") != ids("a a") || processor.PieceToId(space_mark) == unknown) return false;
  for (int id = 0; id < processor.GetPieceSize(); ++id)
    if (processor.IdToPiece(id).find(space_mark, 1) != std::string::npos) return false;
  return true;
}

}  // namespace

std::string tokenizer_file(const std::string& path) {
  boost::system::error_code error;
  if (!fs::is_directory(path, error)) {
    if (fs::exists(path, error)) return path;
    throw FormatError({path},
                      "no such file; expected a SentencePiece model (spiece.model) or the folder that holds it");
  }
  const fs::path file = fs::path(path) / "spiece.model";
  if (fs::exists(file, error)) return file.string();
  if (fs::exists(fs::path(path) / "tokenizer.json", error)) {
    throw FormatError({path},
                      "the folder holds tokenizer.json but no spiece.model, which is the form that atp reads; "
                      "take spiece.model from the same model's page, or from the T5 that it was made from");
  }
  throw FormatError({path}, "the folder holds no spiece.model, the tokenizer's SentencePiece model");
}

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> Tokenizer::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = tokenizer_file(path);
  const std::string bytes = read_file(state->path);
  require_whole(bytes, state->path);
  const auto status = state->processor.LoadFromSerializedProto(bytes);
  if (!status.ok()) {
    throw FormatError({state->path}, "not a SentencePiece model that can be used: " + status.ToString());
  }
  const auto& processor = state->processor;
  if (processor.pad_id() != pad || processor.eos_id() != end_of_text || processor.unk_id() != unknown) {
    throw FormatError({state->path}, "not a T5 tokenizer: pad, end of text and unknown have the ids " +
                                         std::to_string(processor.pad_id()) + ", " +
                                         std::to_string(processor.eos_id()) + ", " +
                                         std::to_string(processor.unk_id()) + "; expected 0, 1, 2");
  }
  state->words_stand_alone = parts_words(processor);
  state->digest = digest_text(XXH3_128bits(bytes.data(), bytes.size()));
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(state)));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto status = state_->processor.Encode(text, &ids);
  if (!status.ok()) throw FormatError({state_->path}, "cannot tokenise a text: " + status.ToString());
  return {ids.begin(), ids.end()};
}

Tokenizer::Encoded Tokenizer::encode(std::string_view text, std::int64_t length) const {
  Encoded encoded{encode(text)};
  close(encoded, static_cast<std::size_t>(std::max<std::int64_t>(length, 1)) - 1);
  return encoded;
}

void Tokenizer::close(Encoded& encoded, std::size_t room) {
  encoded.truncated = encoded.ids.size() > room;
  if (encoded.truncated) encoded.ids.resize(room);
  encoded.ids.push_back(end_of_text);
}

bool Tokenizer::words_stand_alone() const { return state_->words_stand_alone; }

Tokenizer::Word Tokenizer::word(std::string_view text) const {
  Word word{encode(text)};
  const auto best = state_->processor.NBestEncodeAsImmutableProto(text, 2);
  if (best.nbests_size() == 0) return word;  // no unigram model
  word.score = best.nbests(0).score();
  word.margin = best.nbests_size() == 1 ? std::numeric_limits<float>::infinity() : word.score - best.nbests(1).score();
  return word;
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids) const {
  std::vector<int> kept;
  for (const auto id : ids) {
    if (id > unknown && id < size() && !is_sentinel(state_->processor.IdToPiece(id))) kept.push_back(id);
  }
  std::string text;
  const auto status = state_->processor.Decode(kept, &text);
  if (!status.ok()) throw FormatError({state_->path}, "cannot decode ids: " + status.ToString());
  return text;
}

std::string Tokenizer::piece(std::int32_t id) const {
  if (id >= 0 && id < size()) return state_->processor.IdToPiece(id);
  const std::int64_t sentinel = size() + sentinels - 1 - id;  // <extra_id_0> is the last id
  if (id >= size() && sentinel >= 0) return "<extra_id_" + std::to_string(sentinel) + ">";
  return "<" + std::to_string(id) + ">";
}

bool Tokenizer::can_write(std::string_view text) const {
  return without_spaces(decode(encode(text))) == without_spaces(text);
}

std::int64_t Tokenizer::size() const { return state_->processor.GetPieceSize(); }

std::int64_t Tokenizer::vocabulary() const { return (size() + sentinels + 127) / 128 * 128; }

std::vector<std::int32_t> Tokenizer::frequent_pieces() const {
  std::vector<std::int32_t> ids;
  const auto end = static_cast<std::int32_t>(std::min<std::int64_t>(frequent_limit, size()));
  for (std::int32_t id = unknown + 1; id < end; ++id) {
    if (!state_->processor.IsByte(id)) ids.push_back(id);
  }
  return ids;
}

const std::string& Tokenizer::path() const { return state_->path; }
const std::string& Tokenizer::digest() const { return state_->digest; }

std::string own_tokenizer() {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  const fs::path file = program.parent_path().parent_path() / "share/atp/tokenizer/spiece.model";
  boost::system::error_code error;
  if (fs::exists(file, error)) return file.string();
  throw FormatError({file.string()},
                    "atp's own tokenizer is not there; the installation is incomplete. Install it again, "
                    "or name another with backbone.checkpoint.tokenizer");
}

}  // namespace atp
