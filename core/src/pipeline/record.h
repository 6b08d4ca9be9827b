#pragma once

#include <cstdint>
#include <string>

#include "atp/value.h"

// What result.json and run.json say under a key; nothing (0, "") where they do not say it so.
namespace atp {

inline const Value* said_in(const Value& record, const char* key) {
  return record.is_map() ? record.find(key) : nullptr;
}

inline double number_in(const Value& record, const char* key) {
  const Value* value = said_in(record, key);
  return value && value->is_number() ? value->number() : 0;
}

inline std::int64_t integer_in(const Value& record, const char* key) {
  const Value* value = said_in(record, key);
  return value && value->is_integer() ? value->integer() : 0;
}

inline std::string text_in(const Value& record, const char* key) {
  const Value* value = said_in(record, key);
  return value && value->is_text() ? value->text() : "";
}

}  // namespace atp
