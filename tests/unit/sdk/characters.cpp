#include "atp/characters.h"

#include <doctest/doctest.h>

using namespace atp;

TEST_CASE("a text's characters and back; a stray byte is U+FFFD") {
  const std::string text = "aé日𝄞";
  CHECK(characters(text) == U"aé日𝄞");
  CHECK(utf8(U"aé日𝄞") == text);
  CHECK(characters("a\xff\xe6\x97") == U"a\xfffd\xfffd\xfffd");
  CHECK(characters("").empty());
}

TEST_CASE("classes and cases of characters") {
  for (const char32_t letter : U"aZéßşжΩ日ｱªʰ") CHECK((letter == 0 || is_letter(letter)));
  for (const char32_t other : U"0_-½ \u0301£") CHECK_FALSE(is_letter(other));
  for (const char32_t number : U"09½Ⅷ٣²") CHECK((number == 0 || is_number(number)));
  CHECK_FALSE(is_number(U'a'));
  CHECK(is_mark(0x0301));
  CHECK_FALSE(is_mark(U'´'));
  for (const char32_t space :
       {0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000})
    CHECK(is_space(space));
  for (const char32_t other : {0x08, 0x0e, 0x1c, 0x1f, 0x180e, 0x200b, 0xfeff}) CHECK_FALSE(is_space(other));
  CHECK(lower(U'Ä') == U'ä');
  CHECK(lower(U'Ж') == U'ж');
  CHECK(lower(U'ß') == U'ß');
  CHECK(lower(U'Z') == U'z');
  CHECK(lower(U'[') == U'[');
}

// Expected texts by Python's regex module: sub(r"\s+", " ", sub(r"([^_\s\p{N}\p{L}\p{M}])", r" \1 ", text)).
TEST_CASE("T5's rule for punctuation") {
  CHECK(pad_punctuation("Who's 1st?") == "Who ' s 1st ? ");
  CHECK(pad_punctuation("  a\n\tb ") == " a b ");
  CHECK(pad_punctuation("snake_case (x)") == "snake_case ( x ) ");
  CHECK(pad_punctuation("François e\u0301t 日本、£5½") == "François e\u0301t 日本 、 £ 5½");
  CHECK(pad_punctuation("\u200ba\u00a0b") == " \u200b a b");
  CHECK(pad_punctuation("") == "");
}

TEST_CASE("HTML's tags are taken away, what only looks like one stays") {
  CHECK(without_tags("<b>Sent 1: </b>It rains.<br>") == "Sent 1: It rains. ");
  CHECK(without_tags("a<br/>b<BR />c</i>d") == "a b cd");
  CHECK(without_tags("2 < 3 <- x <5> <> <b a='1'> <b") == "2 < 3 <- x <5> <> <b a='1'> <b");
}
