#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace atp {

// The spiece.model of a folder in Hub layout; a file's path as it is. Throws FormatError where there is none, with a
// word about a tokenizer.json in its place.
std::string tokenizer_file(const std::string& path);

// T5's SentencePiece tokenizer: <pad> 0, </s> 1, <unk> 2. The only place that sees sentencepiece. Reading it from
// several threads is safe.
class Tokenizer {
 public:
  // `path`: a spiece.model, or a folder in Hub layout that holds one. Throws FormatError naming the path where it is
  // missing, cut short, not a SentencePiece model, or without T5's special ids.
  static std::shared_ptr<const Tokenizer> open(const std::string& path);
  ~Tokenizer();

  struct Encoded {
    std::vector<std::int32_t> ids;  // </s> last
    bool truncated = false;
  };

  // Ids of a plain text, without </s>. `<unk>`, `</s>` and `<extra_id_0>` written in a text are characters.
  std::vector<std::int32_t> encode(std::string_view text) const;
  // Ids as the model reads them: at most `length`, </s> the last of them also where the text is cut.
  Encoded encode(std::string_view text, std::int64_t length) const;
  // A word without spaces by itself, in printable ASCII: its ids, how probable its segmentation is, and by how much
  // more than the next best one (both as logarithms). 0 more where it is not known.
  struct Word {
    std::vector<std::int32_t> ids;
    float score = 0;
    float margin = 0;
  };
  Word word(std::string_view text) const;
  // Whether no piece crosses a space and spaces only part words, so that a text's ids are those of its words.
  bool words_stand_alone() const;
  // Ids cut to `room` where there are more, and </s>.
  static void close(Encoded& encoded, std::size_t room);

  // Text of generated ids: ids 0–2, sentinels and ids that no piece has are left out.
  std::string decode(const std::vector<std::int32_t>& ids) const;
  std::string piece(std::int32_t id) const;  // "▁the"; "<extra_id_0>" and so on for ids beyond the pieces

  // False where a character of the text is <unk> to this tokenizer, so that the model can never write it.
  bool can_write(std::string_view text) const;

  std::int64_t size() const;  // pieces
  // Rows of the embedding of a model with random weights: the pieces and 100 sentinels, rounded up to a multiple of
  // 128 (32,000 pieces → 32,128 rows).
  std::int64_t vocabulary() const;
  // What a prompt's start is drawn from (METHODS.md, initialisation): ids 3 … 4,999 or the last piece, byte pieces left
  // out.
  std::vector<std::int32_t> frequent_pieces() const;

  const std::string& path() const;    // of the model's file
  const std::string& digest() const;  // XXH3 (128 bits, hexadecimal) of the file's bytes

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The small tokenizer that atp brings, for models with random weights: share/atp/tokenizer/spiece.model beside the
// program's folder. Throws FormatError where it is not there.
std::string own_tokenizer();

}  // namespace atp
