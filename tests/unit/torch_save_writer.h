#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Files in the form of torch.save, for tests: zip archives of stored entries, and pickles put together by hand.
namespace torch_save {

template <class Number>
std::string little_endian(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}
inline std::string number16(std::size_t number) { return little_endian(static_cast<std::uint16_t>(number)); }
inline std::string number32(std::size_t number) { return little_endian(static_cast<std::uint32_t>(number)); }
inline std::string number64(std::size_t number) { return little_endian(static_cast<std::uint64_t>(number)); }

using Entries = std::vector<std::pair<std::string, std::string>>;  // name, contents

// `zip64`: all numbers of the directory stand in the wide records.
inline std::string zip_of(const Entries& entries, bool zip64 = false, std::size_t method = 0) {
  constexpr std::size_t wide = 0xffffffff;
  std::string archive, directory;
  for (const auto& [name, contents] : entries) {
    const std::string same = number16(20) + number16(0) + number16(method) + number32(0) + number32(0);
    const std::string extra = zip64 ? number16(1) + number16(24) + number64(contents.size()) +
                                          number64(contents.size()) + number64(archive.size())
                                    : "";
    directory += "PK\x01\x02" + number16(20) + same + number32(zip64 ? wide : contents.size()) +
                 number32(zip64 ? wide : contents.size()) + number16(name.size()) + number16(extra.size()) +
                 number16(0) + number16(0) + number16(0) + number32(0) + number32(zip64 ? wide : archive.size()) +
                 name + extra;
    archive += "PK\x03\x04" + same + number32(contents.size()) + number32(contents.size()) + number16(name.size()) +
               number16(0) + name + contents;
  }
  const std::size_t begin = archive.size();
  archive += directory;
  if (zip64) {
    const std::size_t record = archive.size();
    archive += "PK\x06\x06" + number64(44) + number16(45) + number16(45) + number32(0) + number32(0) +
               number64(entries.size()) + number64(entries.size()) + number64(directory.size()) + number64(begin);
    archive += "PK\x06\x07" + number32(0) + number64(record) + number32(1);
  }
  return archive + "PK\x05\x06" + number32(0) + number16(entries.size()) + number16(entries.size()) +
         number32(zip64 ? wide : directory.size()) + number32(zip64 ? wide : begin) + number16(0);
}

inline std::string text(const std::string& word) { return "X" + number32(word.size()) + word; }
inline std::string integer(std::int64_t number) { return "\x8a\x08" + little_endian(number); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

inline std::string storage(const std::string& type, const std::string& key, std::int64_t elements) {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(elements) + "tQ";
}
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  std::string sizes = "(", steps = "(";
  for (const auto size : shape) sizes += integer(size);
  for (const auto step : strides) steps += integer(step);
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + sizes + "t" + steps +
         "t\x89" + global("collections", "OrderedDict") + ")RtR";
}

// What torch.save would write of a state dict, or of one tensor, but for padding and checksums.
inline std::string rebuilt(const at::Tensor& tensor, Entries& entries) {
  if (tensor.scalar_type() != at::kFloat) throw std::logic_error("only float32 is written");
  const auto one = tensor.contiguous();
  const std::string key = std::to_string(entries.size() - 1);
  entries.emplace_back("model/data/" + key, std::string(static_cast<const char*>(one.const_data_ptr()), one.nbytes()));
  return torch_save::tensor(storage("FloatStorage", key, one.numel()), 0, one.sizes().vec(), one.strides().vec());
}
inline void write_one(const std::string& path, const at::Tensor& tensor) {
  Entries entries(1);
  const std::string value = rebuilt(tensor, entries);
  entries.front() = {"model/data.pkl", pickle(value)};
  std::ofstream(path, std::ios::binary) << zip_of(entries);
}
inline void write(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  std::string items;
  Entries entries(1);
  for (const auto& [name, one] : tensors) items += text(name) + rebuilt(one, entries);
  entries.front() = {"model/data.pkl", pickle(global("collections", "OrderedDict") + ")R(" + items + "u")};
  std::ofstream(path, std::ios::binary) << zip_of(entries);
}

}  // namespace torch_save
