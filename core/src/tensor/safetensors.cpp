#include "atp/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "atp/error.h"
#include "atp/value.h"
#include "io/durable_file.h"

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

std::string list_text(at::IntArrayRef sizes) {
  std::string text = "[";
  for (std::size_t i = 0; i < sizes.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(sizes[i]);
  return text + "]";
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

TensorFile::Entry read_entry(const std::string& path, const std::string& name, const Value& value,
                             std::size_t data_size) {
  const std::string where = "tensor '" + name + "': ";
  TensorFile::Entry entry{name, at::ScalarType::Undefined, {}, 0, 0};

  const Value& type = member(value, "dtype", path, name);
  for (const auto& [known, scalar] : types)
    if (type.is_text() && type.text() == known) entry.type = scalar;
  if (entry.type == at::ScalarType::Undefined)
    fail(path, where + "dtype is " + to_json(type) + "; expected one of " + known_types());

  const Value& shape = member(value, "shape", path, name);
  if (!shape.is_list()) fail(path, where + "shape is " + to_json(shape) + "; expected a list of integers");
  std::int64_t bytes = static_cast<std::int64_t>(c10::elementSize(entry.type));
  bool overflow = false, empty = false;
  for (const Value& size : shape.items()) {
    const std::int64_t count = count_in(size, path, where + "a size in its shape");
    entry.shape.push_back(count);
    empty = empty || count == 0;
    overflow = overflow || __builtin_mul_overflow(bytes, std::max<std::int64_t>(count, 1), &bytes);
  }
  if (overflow) fail(path, where + "shape " + list_text(entry.shape) + " is larger than any memory");
  if (empty) bytes = 0;

  const Value& offsets = member(value, "data_offsets", path, name);
  if (!offsets.is_list() || offsets.items().size() != 2)
    fail(path, where + "data_offsets is " + to_json(offsets) + "; expected [begin, end]");
  entry.begin = static_cast<std::size_t>(count_in(offsets.items()[0], path, where + "data_offsets' begin"));
  entry.end = static_cast<std::size_t>(count_in(offsets.items()[1], path, where + "data_offsets' end"));
  if (entry.begin > entry.end) fail(path, where + "data_offsets " + to_json(offsets) + " end before they begin");
  if (entry.end > data_size)
    fail(path, where + "ends at byte " + std::to_string(entry.end) + " of the data, the file holds " +
                   std::to_string(data_size) + "; it was cut short or is not complete yet");
  if (entry.end - entry.begin != static_cast<std::size_t>(bytes))
    fail(path, where + "data_offsets span " + std::to_string(entry.end - entry.begin) + " bytes, " + type.text() + " " +
                   list_text(entry.shape) + " takes " + std::to_string(bytes));
  return entry;
}

// Every byte of the data belongs to one tensor.
void check_layout(const std::string& path, const std::vector<TensorFile::Entry>& entries, std::size_t data_size) {
  std::vector<const TensorFile::Entry*> order;
  order.reserve(entries.size());
  for (const auto& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return std::tie(a->begin, a->end) < std::tie(b->begin, b->end); });
  std::size_t end = 0;
  const TensorFile::Entry* before = nullptr;
  for (const auto* entry : order) {
    if (entry->begin != end)
      fail(path, "tensor '" + entry->name + "' begins at byte " + std::to_string(entry->begin) + "; expected " +
                     std::to_string(end) + ", where " + (before ? "'" + before->name + "' ends" : "the data begins") +
                     (entry->begin < end ? ": they overlap" : ": the bytes between belong to no tensor"));
    end = entry->end;
    before = entry;
  }
  if (end != data_size)
    fail(path, std::to_string(data_size - end) + " bytes follow the last tensor; expected the file to end there");
}

}  // namespace

class TensorFile::Map {
 public:
  explicit Map(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status = {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0) fail(path, descriptor, errno);
    if (!S_ISREG(status.st_mode)) fail(path, descriptor, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ > 0) {
      // Private: a method that trains weights in place changes its own pages, not the file.
      void* address = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
      if (address == MAP_FAILED) fail(path, descriptor, errno);
      bytes_ = static_cast<char*>(address);
    }
    ::close(descriptor);
  }
  ~Map() {
    if (bytes_) ::munmap(bytes_, size_);
  }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  char* bytes() const { return bytes_; }
  std::size_t size() const { return size_; }

 private:
  [[noreturn]] static void fail(const std::string& path, int descriptor, int error) {
    if (descriptor >= 0) ::close(descriptor);
    throw FormatError(Origin{path, 0, 0}, "cannot be read: " + std::generic_category().message(error));
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

TensorFile::TensorFile(const std::string& path) : path_(path), map_(std::make_shared<Map>(path)) {
  const std::size_t size = map_->size();
  if (size < length_bytes)
    fail(path, "not a safetensors file: " + std::to_string(size) + " bytes, expected 8 at least (the header's length)");
  std::uint64_t header = 0;
  std::memcpy(&header, map_->bytes(), length_bytes);
  if (header > size - length_bytes)
    fail(path, "the header should take " + std::to_string(header) + " bytes, the file has " +
                   std::to_string(size - length_bytes) + " after its length: cut short, or not a safetensors file");
  if (header > largest_header)
    fail(path, "the header should take " + std::to_string(header) + " bytes; expected " +
                   std::to_string(largest_header) + " at most");
  data_ = length_bytes + static_cast<std::size_t>(header);

  const Value root = parse_json({map_->bytes() + length_bytes, static_cast<std::size_t>(header)}, path + " (header)");
  if (!root.is_map()) fail(path, std::string("the header is a ") + root.type_name() + "; expected a map of tensors");
  for (const auto& [name, value] : root.members()) {
    if (name != "__metadata__") {
      entries_.push_back(read_entry(path, name, value, size - data_));
      continue;
    }
    if (!value.is_map())
      fail(path, std::string("__metadata__ is a ") + value.type_name() + "; expected a map of texts");
    for (const auto& [key, text] : value.members()) {
      if (!text.is_text()) fail(path, "__metadata__ '" + key + "' is " + to_json(text) + "; expected a text");
      metadata_[key] = text.text();
    }
  }
  check_layout(path, entries_, size - data_);
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

const TensorFile::Entry* TensorFile::find(const std::string& name) const {
  const auto entry =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const Entry& known, const std::string& wanted) { return known.name < wanted; });
  return entry != entries_.end() && entry->name == name ? &*entry : nullptr;
}

at::Tensor TensorFile::tensor(const std::string& name) const {
  if (const Entry* entry = find(name)) return tensor(*entry);
  std::vector<std::string> names;
  for (const auto& entry : entries_) names.push_back(entry.name);
  fail(path_, "no tensor '" + name + "'" + did_you_mean(name, names) + " (" + std::to_string(names.size()) +
                  " tensors in the file)");
}

at::Tensor TensorFile::tensor(const Entry& entry) const {
  const auto options = at::TensorOptions().dtype(entry.type);
  if (entry.begin == entry.end) return at::empty(entry.shape, options);
  char* bytes = map_->bytes() + data_ + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(bytes) % c10::elementSize(entry.type) != 0) {  // the format does not forbid it
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.mutable_data_ptr(), bytes, entry.end - entry.begin);
    return copy;
  }
  return at::from_blob(
      bytes, entry.shape, [map = map_](void*) {}, options);
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
              "\",\"shape\":" + list_text(tensor.sizes()) + ",\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(end) + "]}";
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
