#include "sdk/utf8.h"

namespace atp {

namespace {

struct Form {  // of a character by its first byte: its length, and the range of its second byte
  int length;
  unsigned char low, high;
};

Form form_of(unsigned char first) {
  if (first >= 0xc2 && first <= 0xdf) return {2, 0x80, 0xbf};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return {3, 0x80, 0xbf};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first >= 0xf1 && first <= 0xf3) return {4, 0x80, 0xbf};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

std::size_t invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    if (byte(i) < 0x80) {
      ++i;
      continue;
    }
    const Form form = form_of(byte(i));
    if (form.length == 0 || i + static_cast<std::size_t>(form.length) > text.size()) return i;
    if (byte(i + 1) < form.low || byte(i + 1) > form.high) return i;
    for (int k = 2; k < form.length; ++k) {
      if ((byte(i + static_cast<std::size_t>(k)) & 0xc0) != 0x80) return i;
    }
    i += static_cast<std::size_t>(form.length);
  }
  return std::string_view::npos;
}

}  // namespace atp
