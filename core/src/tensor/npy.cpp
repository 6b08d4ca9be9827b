// What numpy.save writes: a magic word and a version, the length of a header, the header (a dictionary as Python writes
// it), the numbers of one array. Its tensor is called "tensor".
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "atp/error.h"
#include "atp/value.h"
#include "tensor/tensor_forms.h"

namespace atp {

namespace {

constexpr std::string_view magic = "\x93NUMPY";

constexpr std::pair<const char*, at::ScalarType> types[] = {
    {"<f8", at::kDouble}, {"<f4", at::kFloat},  {"<f2", at::kHalf}, {"<i8", at::kLong},
    {"<i4", at::kInt},    {"<i2", at::kShort},  {"|i1", at::kChar}, {"<u8", at::kUInt64},
    {"<u4", at::kUInt32}, {"<u2", at::kUInt16}, {"|u1", at::kByte}, {"|b1", at::kBool},
};

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FormatError(Origin{path, 0, 0}, message);
}

// The header's text, and where the numbers begin.
std::pair<std::string_view, std::size_t> header_of(const std::string& path, std::string_view bytes) {
  const std::size_t version = bytes.size() > magic.size() ? static_cast<unsigned char>(bytes[magic.size()]) : 0;
  const std::size_t length_place = magic.size() + 2, length_bytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3) fail(path, "a .npy file of version " + std::to_string(version) + "; expected 1 to 3");
  if (bytes.size() < length_place + length_bytes) fail(path, "cut short: no whole header");
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + length_place, length_bytes);
  const std::size_t begin = length_place + length_bytes;
  if (length > bytes.size() - begin)
    fail(path, "the header should take " + std::to_string(length) + " bytes, the file has " +
                   std::to_string(bytes.size() - begin) + " after its length: cut short");
  return {bytes.substr(begin, length), begin + length};
}

// {'descr': '<f4', 'fortran_order': False, 'shape': (100, 768), }: what numpy writes of Python is JSON in other
// clothes.
Value header_value(const std::string& path, std::string_view header) {
  constexpr std::size_t longest = 1000;
  std::string json, words = header.size() > longest ? "" : std::string(header);
  for (const auto& [python, other] : {std::pair{"False", "false"}, {"True", "true"}})
    if (const std::size_t place = words.find(python); place != std::string::npos)
      words.replace(place, std::strlen(python), other);
  for (const char letter : words) {
    const bool closes = letter == ')' || letter == '}';
    while (closes && !json.empty() && (json.back() == ' ' || json.back() == ',')) json.pop_back();
    json += letter == '\'' ? '"' : letter == '(' ? '[' : letter == ')' ? ']' : letter;
  }
  try {
    Value value = parse_json(json, path);
    if (value.is_map()) return value;
  } catch (const FormatError&) {
  }
  fail(path, "its header is none that numpy writes for an array of numbers");
}

at::ScalarType type_of(const std::string& path, const Value& header) {
  const Value* found = header.find("descr");
  std::string known;
  for (const auto& [name, type] : types) {
    if (found && found->is_text() && found->text() == name) return type;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fail(path, "descr is " + (found ? to_json(*found) : "absent") + "; expected one of " + known);
}

std::vector<std::int64_t> shape_of(const std::string& path, const Value& header) {
  const Value* found = header.find("shape");
  std::vector<std::int64_t> shape;
  bool is_shape = found && found->is_list();
  if (is_shape)
    for (const Value& size : found->items()) {
      is_shape = is_shape && size.is_integer() && size.integer() >= 0;
      if (is_shape) shape.push_back(size.integer());
    }
  if (!is_shape) fail(path, "shape is " + (found ? to_json(*found) : "absent") + "; expected a list of sizes");
  return shape;
}

}  // namespace

bool is_npy(std::string_view bytes) { return bytes.starts_with(magic); }

TensorFileContents read_npy(const std::string& path, std::string_view bytes) {
  const auto [text, begin] = header_of(path, bytes);
  const Value header = header_value(path, text);
  TensorFile::Entry entry{"tensor", type_of(path, header), shape_of(path, header), {}, begin};
  const std::int64_t count = element_count(entry.shape, entry.type);
  const std::size_t held = bytes.size() - begin;
  if (count < 0 || static_cast<std::size_t>(count) * c10::elementSize(entry.type) != held)
    fail(path,
         "holds " + std::to_string(held) + " bytes of numbers, and " + shape_text(entry.shape) + " of " +
             header.at("descr").text() +
             (count < 0 ? " is larger than any memory"
                        : " takes " + std::to_string(static_cast<std::size_t>(count) * c10::elementSize(entry.type))));
  const Value* order = header.find("fortran_order");
  if (!order || !order->is_boolean()) fail(path, "no fortran_order that is True or False");
  entry.strides = contiguous_strides(entry.shape);
  if (order->boolean()) {
    entry.strides = contiguous_strides({entry.shape.rbegin(), entry.shape.rend()});
    std::reverse(entry.strides.begin(), entry.strides.end());
  }
  return {{std::move(entry)}};
}

}  // namespace atp
