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

constexpr std::pair<const char*, at::ScalarType> types[] = {
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U64", at::kUInt64},
    {"U32", at::kUInt32},
    {"U16", at::kUInt16},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
};

const char* name_of(at::ScalarType type) {
  for (const auto& [name, known] : types)
    if (known == type) return name;
  return nullptr;
}

std::string known_types() {
  std::string text;
  for (const auto& type : types) text += (text.empty() ? "" : ", ") + std::string(type.first);
  return text;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
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
    entry.shape.push_back(count_in(size, path, where + "a size in its shape"));
    empty = empty || entry.shape.back() == 0;
    overflow = overflow || __builtin_mul_overflow(bytes, entry.shape.back(), &bytes);
  }
  if (overflow && !empty) fail(path, where + "shape " + shape_text(entry.shape) + " is larger than any memory");
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
                   shape_text(entry.shape) + " takes " + std::to_string(bytes));
  return entry;
}

// Every byte of the data belongs to one tensor.
void check_layout(const std::string& path, const std::vector<TensorFile::Entry>& entries, std::size_t data_size) {
  std::vector<const TensorFile::Entry*> order;
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
    if (name == "__metadata__") throw std::logic_error("a tensor cannot be called __metadata__: " + path);
    if (!name_of(tensor.scalar_type()))
      throw std::logic_error(path + ": tensor '" + name + "' is of a type that safetensors does not have");
    ordered.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });

  Value header = Value::map();
  if (!metadata.empty()) {
    Value texts = Value::map();
    for (const auto& [key, text] : metadata) texts.members().emplace_back(key, text);
    header.set("__metadata__", std::move(texts));
  }
  std::vector<std::string_view> parts(2);
  std::int64_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    Value shape = Value::list();
    for (const std::int64_t size : tensor.sizes()) shape.push_back(size);
    const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
    Value entry = Value::map();
    entry.set("dtype", name_of(tensor.scalar_type()));
    entry.set("shape", std::move(shape));
    entry.set("data_offsets", Value(Value::List{offset, offset + bytes}));
    header.members().emplace_back(name, std::move(entry));
    offset += bytes;
    if (bytes > 0) parts.emplace_back(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  std::string text = to_json(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  parts[0] = {reinterpret_cast<const char*>(&length), length_bytes};
  parts[1] = text;
  write_durably(path, parts);
}

}  // namespace atp
