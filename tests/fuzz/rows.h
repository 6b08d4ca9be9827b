#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "sdk/readers.h"

// What the readers of rows promise of any bytes: rows with a line, or DataError, and the same whether the bytes come at
// once or a few at a time.
class FewBytes final : public atp::ByteSource {
 public:
  FewBytes(std::string_view text, std::size_t count) : text_(text), count_(count) {}
  std::string_view next() override {
    chunk_ = text_.substr(0, count_);
    text_.remove_prefix(chunk_.size());
    return chunk_;
  }

 private:
  std::string_view text_;
  std::size_t count_;
  std::string chunk_;  // what was handed out before is gone
};

inline std::string rows_of(atp::Files::Format format, std::string_view text, std::size_t chunk) {
  FewBytes bytes(text, chunk);
  std::string told;
  const auto bad = [&](const atp::DataError& error) { told += error.what() + std::string("\n"); };
  const auto row = [&](const atp::Row& one) {
    if (one.origin().line < 1 || !one.fields().is_map()) std::abort();
    told += std::to_string(one.origin().line) + atp::to_json(one.fields()) + "\n";
  };
  try {
    atp::visit_rows(format, bytes, "input", {}, {row, bad});
  } catch (const atp::DataError& error) {
    bad(error);
  }
  return told;
}

inline int fuzz_rows(atp::Files::Format format, const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string whole = rows_of(format, text, size + 1);
  if (rows_of(format, text, 3) != whole) std::abort();
  return 0;
}
