#include "atp/tensor_file.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "atp/error.h"
#include "tensor/tensor_forms.h"

namespace atp {

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
  std::string_view view() const { return {bytes_, size_}; }

 private:
  [[noreturn]] static void fail(const std::string& path, int descriptor, int error) {
    if (descriptor >= 0) ::close(descriptor);
    throw FormatError(Origin{path, 0, 0}, "cannot be read: " + std::generic_category().message(error));
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

TensorFile::TensorFile(const std::string& path) : path_(path), map_(std::make_shared<Map>(path)) {
  const std::string_view bytes = map_->view();
  if (bytes.empty())
    throw FormatError(Origin{path, 0, 0},
                      "the file is empty; expected safetensors, or what torch.save or numpy writes");
  if (bytes.starts_with("version https://git-lfs"))
    throw FormatError(Origin{path, 0, 0},
                      "a Git LFS pointer, not the file that it stands for; 'git lfs pull' in the folder fetches that");
  auto contents = is_torch_save(bytes) ? read_torch_save(path, bytes)
                  : is_npy(bytes)      ? read_npy(path, bytes)
                                       : read_safetensors(path, bytes);
  entries_ = std::move(contents.entries);
  metadata_ = std::move(contents.metadata);
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
  throw FormatError(Origin{path_, 0, 0}, "no tensor '" + name + "'" + did_you_mean(name, names) + " (" +
                                             std::to_string(names.size()) + " tensors in the file)");
}

at::Tensor TensorFile::tensor(const Entry& entry) const {
  const auto options = at::TensorOptions().dtype(entry.type);
  if (std::count(entry.shape.begin(), entry.shape.end(), 0)) return at::empty(entry.shape, options);
  char* bytes = map_->bytes() + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(bytes) % c10::elementSize(entry.type) != 0) {  // no form forbids it
    std::int64_t elements = 1;  // from the first one to the last one
    for (std::size_t i = 0; i < entry.shape.size(); ++i) elements += (entry.shape[i] - 1) * entry.strides[i];
    at::Tensor copy = at::empty({elements}, options);
    std::memcpy(copy.mutable_data_ptr(), bytes, copy.nbytes());
    return copy.as_strided(entry.shape, entry.strides).contiguous();
  }
  return at::from_blob(
             bytes, entry.shape, entry.strides, [map = map_](void*) {}, options)
      .contiguous();
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

std::int64_t element_count(const std::vector<std::int64_t>& shape, at::ScalarType type) {
  std::int64_t bytes = static_cast<std::int64_t>(c10::elementSize(type));
  bool is_empty = false;
  for (const std::int64_t size : shape) {
    is_empty = is_empty || size == 0;
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes)) return -1;
  }
  return is_empty ? 0 : bytes / static_cast<std::int64_t>(c10::elementSize(type));
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace atp
