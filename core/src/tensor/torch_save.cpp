// What torch.save writes: a zip archive NAME/data.pkl, NAME/data/<key> for each storage, NAME/version, often
// NAME/byteorder, every entry stored as it is. Tensors are views of the storages' bytes in the file.
#include <cstdint>
#include <map>
#include <utility>

#include "atp/error.h"
#include "tensor/pickle.h"
#include "tensor/tensor_forms.h"
#include "tensor/zip.h"

namespace atp {

namespace {

constexpr std::string_view zip_start = "PK\x03\x04";
// A pickle of protocol 2 that begins with a number; the form before 1.6 does.
constexpr std::string_view old_start = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::size_t largest_pickle = 4u << 20;  // T5 of 11 billion weights: 0.1 MB

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FormatError(Origin{path, 0, 0}, message);
}

class Archive {
 public:
  Archive(const std::string& path, std::string_view bytes)
      : path_(path), bytes_(bytes), entries_(read_zip(path, bytes)), root_(find_root()) {}

  const ZipEntry* find(const std::string& name) const {
    const auto found = entries_.find(root_ + name);
    if (found == entries_.end()) return nullptr;
    if (!found->second.is_stored)
      fail(path_, "'" + found->first +
                      "' is compressed or encrypted; expected it as torch.save stores it, as it is. "
                      "Load the file with torch and save it again");
    return &found->second;
  }
  std::string_view text(const ZipEntry& entry) const { return bytes_.substr(entry.begin, entry.size); }
  const std::string& root() const { return root_; }

 private:
  std::string find_root() const {
    constexpr std::string_view name = "data.pkl";
    for (const auto& [entry, place] : entries_) {
      const std::size_t slash = entry.find('/');
      if (slash != std::string::npos && std::string_view(entry).substr(slash + 1) == name)
        return entry.substr(0, slash + 1);
    }
    fail(path_, "a zip archive without NAME/data.pkl: not what torch.save writes");
  }

  const std::string& path_;
  std::string_view bytes_;
  std::map<std::string, ZipEntry> entries_;
  std::string root_;
};

// Where a tensor's storage lies; it holds as many bytes as the pickle said.
const ZipEntry& storage_of(const std::string& path, const Archive& archive, const PickledTensor& tensor) {
  const std::string name = "data/" + tensor.storage;
  const ZipEntry* storage = archive.find(name);
  if (!storage) fail(path, "tensor '" + tensor.name + "': its storage '" + archive.root() + name + "' is not there");
  if (storage->size != static_cast<std::size_t>(tensor.storage_bytes))
    fail(path, "tensor '" + tensor.name + "': its storage '" + archive.root() + name + "' has " +
                   std::to_string(storage->size) + " bytes, expected " + std::to_string(tensor.storage_bytes));
  return *storage;
}

}  // namespace

bool is_torch_save(std::string_view bytes) { return bytes.starts_with(zip_start) || bytes.starts_with(old_start); }

TensorFileContents read_torch_save(const std::string& path, std::string_view bytes) {
  if (bytes.starts_with(old_start))
    fail(path,
         "torch.save wrote this in the form before version 1.6, which is not read. With any later torch: "
         "torch.save(torch.load('FILE', map_location='cpu', weights_only=True), 'FILE')");
  const Archive archive(path, bytes);
  if (const ZipEntry* order = archive.find("byteorder"))
    if (archive.text(*order) != "little") fail(path, "its numbers are not little-endian; expected byteorder 'little'");
  const ZipEntry* pickle = archive.find("data.pkl");
  if (!pickle || pickle->size > largest_pickle)
    fail(path, "its data.pkl has " + std::to_string(pickle ? pickle->size : 0) + " bytes; expected " +
                   std::to_string(largest_pickle) + " at most");
  TensorFileContents contents;
  for (auto& tensor : read_pickle(path, archive.text(*pickle))) {
    const auto offset = static_cast<std::size_t>(tensor.offset) * c10::elementSize(tensor.type);
    const std::size_t begin = storage_of(path, archive, tensor).begin + offset;
    contents.entries.push_back(
        {std::move(tensor.name), tensor.type, std::move(tensor.shape), std::move(tensor.strides), begin});
  }
  return contents;
}

}  // namespace atp
