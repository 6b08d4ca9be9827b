// A 64-bit length, a JSON header {name: {dtype, shape, data_offsets}}, the bytes.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

#include "atp/error.h"
#include "atp/value.h"
#include "io/durable_file.h"
#include "tensor/tensor_forms.h"

namespace atp {

namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::size_t largest_header = 100'000'000;  // the format's own limit

// In the order in which the reference implementation writes them: larger items first, so that all stay aligned.
constexpr std::pair<const char*, at::ScalarType> types[] = {
    {"U64", at::kUInt64},
    {"I64", at::kLong},
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"U32", at::kUInt32},
    {"I32", at::kInt},
    {"BF16", at::kBFloat16},
    {"F16", at::kHalf},
    {"U16", at::kUInt16},
    {"I16", at::kShort},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
};

// Its place in the table; past the end: the format does not have it.
std::size_t place_of(at::ScalarType type) {
  std::size_t place = 0;
  while (place < std::size(types) && types[place].second != type) ++place;
  return place;
}

std::string known_types() {
  std::string text;
  for (const auto& type : types) text += (text.empty() ? "" : ", ") + std::string(type.first);
  return text;
}

std::string metadata_text(const std::map<std::string, std::string>& metadata) {
  std::string text;
  for (const auto& [key, value] : metadata)
    text += (text.empty() ? "" : ",") + to_json(Value(key)) + ":" + to_json(Value(value));
  return text.empty() ? text : "\"__metadata__\":{" + text + "}";
}

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FormatError(Origin{path, 0, 0}, message);
}

// A number of bytes or of rows: an integer that is not negative.
std::int64_t count_in(const Value& value, const std::string& path, const std::string& what) {
  if (!value.is_integer() || value.integer() < 0)
    fail(path, what + " is " + to_json(value) + "; expected an integer of at least 0");
  return value.integer();
}

const Value& member(const Value& entry, const char* key, const std::string& path, const std::string& name) {
  if (!entry.is_map()) fail(path, "tensor '" + name + "': found " + entry.type_name() + ", expected a map");
  const Value* value = entry.find(key);
  if (!value) fail(path, "tensor '" + name + "': no '" + key + "'");
  return *value;
}

// A tensor's place among the data: [begin, end).
struct Span {
  TensorFile::Entry entry;
  std::size_t begin, end;
};

Span read_entry(const std::string& path, const std::string& name, const Value& value, std::size_t data_size) {
  const std::string where = "tensor '" + name + "': ";
  TensorFile::Entry entry{name, at::ScalarType::Undefined, {}, {}, 0};

  const Value& type = member(value, "dtype", path, name);
  for (const auto& [known, scalar] : types)
    if (type.is_text() && type.text() == known) entry.type = scalar;
  if (entry.type == at::ScalarType::Undefined)
    fail(path, where + "dtype is " + to_json(type) + "; expected one of " + known_types());

  const Value& shape = member(value, "shape", path, name);
  if (!shape.is_list()) fail(path, where + "shape is " + to_json(shape) + "; expected a list of integers");
  for (const Value& size : shape.items()) entry.shape.push_back(count_in(size, path, where + "a size in its shape"));
  const std::int64_t count = element_count(entry.shape, entry.type);
  if (count < 0) fail(path, where + "shape " + shape_text(entry.shape) + " is larger than any memory");
  entry.strides = contiguous_strides(entry.shape);

  const Value& offsets = member(value, "data_offsets", path, name);
  if (!offsets.is_list() || offsets.items().size() != 2)
    fail(path, where + "data_offsets is " + to_json(offsets) + "; expected [begin, end]");
  const auto begin = static_cast<std::size_t>(count_in(offsets.items()[0], path, where + "data_offsets' begin"));
  const auto end = static_cast<std::size_t>(count_in(offsets.items()[1], path, where + "data_offsets' end"));
  if (begin > end) fail(path, where + "data_offsets " + to_json(offsets) + " end before they begin");
  if (end > data_size)
    fail(path, where + "ends at byte " + std::to_string(end) + " of the data, the file holds " +
                   std::to_string(data_size) + "; it was cut short or is not complete yet");
  const std::size_t bytes = static_cast<std::size_t>(count) * c10::elementSize(entry.type);
  if (end - begin != bytes)
    fail(path, where + "data_offsets span " + std::to_string(end - begin) + " bytes, " + type.text() + " " +
                   shape_text(entry.shape) + " takes " + std::to_string(bytes));
  return {std::move(entry), begin, end};
}

// Every byte of the data belongs to one tensor.
void check_layout(const std::string& path, const std::vector<Span>& spans, std::size_t data_size) {
  std::vector<const Span*> order;
  order.reserve(spans.size());
  for (const auto& span : spans) order.push_back(&span);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return std::tie(a->begin, a->end) < std::tie(b->begin, b->end); });
  std::size_t end = 0;
  const Span* before = nullptr;
  for (const auto* span : order) {
    if (span->begin != end)
      fail(path, "tensor '" + span->entry.name + "' begins at byte " + std::to_string(span->begin) + "; expected " +
                     std::to_string(end) + ", where " +
                     (before ? "'" + before->entry.name + "' ends" : "the data begins") +
                     (span->begin < end ? ": they overlap" : ": the bytes between belong to no tensor"));
    end = span->end;
    before = span;
  }
  if (end != data_size)
    fail(path, std::to_string(data_size - end) + " bytes follow the last tensor; expected the file to end there");
}

std::map<std::string, std::string> read_metadata(const std::string& path, const Value& value) {
  if (!value.is_map()) fail(path, std::string("__metadata__ is a ") + value.type_name() + "; expected a map of texts");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.members()) {
    if (!text.is_text()) fail(path, "__metadata__ '" + key + "' is " + to_json(text) + "; expected a text");
    metadata[key] = text.text();
  }
  return metadata;
}

}  // namespace

TensorFileContents read_safetensors(const std::string& path, std::string_view bytes) {
  if (bytes.size() < length_bytes)
    fail(path, "not a safetensors file: " + std::to_string(bytes.size()) +
                   " bytes, expected 8 at least (the header's length)");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), length_bytes);
  if (length > bytes.size() - length_bytes)
    fail(path, "the header should take " + std::to_string(length) + " bytes, the file has " +
                   std::to_string(bytes.size() - length_bytes) +
                   " after its length: cut short, or no file of tensors (safetensors, torch.save, .npy)");
  if (length > largest_header)
    fail(path, "the header should take " + std::to_string(length) + " bytes; expected " +
                   std::to_string(largest_header) + " at most");
  const std::size_t data = length_bytes + static_cast<std::size_t>(length);

  const Value root = parse_json(bytes.substr(length_bytes, static_cast<std::size_t>(length)), path + " (header)");
  if (!root.is_map()) fail(path, std::string("the header is a ") + root.type_name() + "; expected a map of tensors");
  TensorFileContents contents;
  std::vector<Span> spans;
  for (const auto& [name, value] : root.members()) {
    if (name == "__metadata__")
      contents.metadata = read_metadata(path, value);
    else
      spans.push_back(read_entry(path, name, value, bytes.size() - data));
  }
  check_layout(path, spans, bytes.size() - data);
  for (auto& span : spans) {
    span.entry.begin = data + span.begin;
    contents.entries.push_back(std::move(span.entry));
  }
  return contents;
}

void write_tensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, at::Tensor>> ordered;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") throw std::logic_error(path + ": a tensor cannot be called __metadata__");
    if (place_of(tensor.scalar_type()) == std::size(types))
      throw std::logic_error(path + ": tensor '" + name + "' is of a type that safetensors does not have");
    ordered.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return place_of(a.second.scalar_type()) < place_of(b.second.scalar_type());
  });

  std::vector<std::string_view> parts(2);
  std::string header = metadata_text(metadata);
  std::size_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    const std::size_t end = offset + tensor.nbytes();
    if (!header.empty()) header += ',';
    header += to_json(Value(name)) + ":{\"dtype\":\"" + types[place_of(tensor.scalar_type())].first +
              "\",\"shape\":" + canonical_json(Value::List(tensor.sizes().begin(), tensor.sizes().end())) +
              ",\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    if (tensor.nbytes() > 0) parts.emplace_back(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
    offset = end;
  }
  header = "{" + header + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  parts[0] = {reinterpret_cast<const char*>(&length), length_bytes};
  parts[1] = header;
  write_durably(path, parts);
}

}  // namespace atp
