// Files of one tensor, for programs that expect them: numpy's .npy, and the zip archive that torch.save writes.
#include <zlib.h>

#include <cstring>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "io/durable_file.h"

namespace atp {

namespace {

std::string_view bytes_of(const at::Tensor& tensor) {
  if (tensor.nbytes() == 0) return {};
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

template <class Number>
std::string little_endian(std::uint64_t number) {
  const auto narrow = static_cast<Number>(number);
  std::string bytes(sizeof narrow, '\0');
  std::memcpy(bytes.data(), &narrow, sizeof narrow);
  return bytes;
}
std::string number16(std::uint64_t number) { return little_endian<std::uint16_t>(number); }
std::string number32(std::uint64_t number) { return little_endian<std::uint32_t>(number); }
std::string number64(std::uint64_t number) { return little_endian<std::uint64_t>(number); }

// --- .npy ------------------------------------------------------------------------------------------------------------

void write_npy(const std::string& path, const at::Tensor& tensor) {
  constexpr std::size_t before_header = 10, alignment = 64;
  std::string shape;
  for (const auto size : tensor.sizes()) shape += std::to_string(size) + (tensor.dim() == 1 ? "," : ", ");
  if (tensor.dim() > 1) shape.resize(shape.size() - 2);
  std::string header = std::string("{'descr': '") + (tensor.scalar_type() == at::kDouble ? "<f8" : "<f4") +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((before_header + header.size()) / alignment * alignment + alignment - before_header - 1, ' ');
  header += '\n';
  const std::string start = std::string("\x93NUMPY\x01\0", 8) + number16(header.size());
  write_durably(path, {start, header, bytes_of(tensor)});
}

// --- torch.save ------------------------------------------------------------------------------------------------------

std::string pickled_text(const std::string& text) { return "X" + number32(text.size()) + text; }
std::string pickled_integer(std::int64_t number) { return "\x8a\x08" + number64(static_cast<std::uint64_t>(number)); }
std::string pickled_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string pickled_tuple(at::IntArrayRef numbers) {
  std::string items;
  for (const auto number : numbers) items += pickled_integer(number);
  return "(" + items + "t";
}

// torch._utils._rebuild_tensor_v2(storage 0, offset 0, shape, strides, no gradient, no hooks), protocol 2.
std::string pickle_of(const at::Tensor& tensor) {
  const std::string storage =
      "(" + pickled_text("storage") +
      pickled_global("torch", tensor.scalar_type() == at::kDouble ? "DoubleStorage" : "FloatStorage") +
      pickled_text("0") + pickled_text("cpu") + pickled_integer(tensor.numel()) + "tQ";
  return "\x80\x02" + pickled_global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + pickled_integer(0) +
         pickled_tuple(tensor.sizes()) + pickled_tuple(tensor.strides()) + "\x89" +
         pickled_global("collections", "OrderedDict") + ")RtR.";
}

// A zip archive of stored entries; each entry's bytes begin at a multiple of 64, as torch has them.
class Archive {
 public:
  void add(const std::string& name, std::string_view contents) {
    const std::string sizes = number32(::crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size())) +
                              number32(contents.size()) + number32(contents.size());
    const std::string same = number16(20) + number16(0) + number16(0) + number16(0) + number16(0x21) + sizes;
    const std::size_t header_size = 30, field_size = 4, alignment = 64;
    const std::size_t end = size_ + header_size + name.size() + field_size;
    const std::size_t padding = (alignment - end % alignment) % alignment;
    directory_ += "PK\x01\x02" + number16(20) + same + number16(name.size()) + number16(0) + number16(0) + number16(0) +
                  number16(0) + number32(0) + number32(size_) + name;
    headers_.push_back("PK\x03\x04" + same + number16(name.size()) + number16(field_size + padding) + name + "FB" +
                       number16(padding) + std::string(padding, 'Z'));
    contents_.push_back(contents);
    size_ = end + padding + contents.size();
  }

  void write(const std::string& path) const {
    if (size_ > 0xfffffffe) throw FormatError(Origin{path, 0, 0}, "more than 4 GiB; such a tensor is not written");
    const std::string end = "PK\x05\x06" + number32(0) + number16(headers_.size()) + number16(headers_.size()) +
                            number32(directory_.size()) + number32(size_) + number16(0);
    std::vector<std::string_view> parts;
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      parts.push_back(headers_[i]);
      parts.push_back(contents_[i]);
    }
    parts.insert(parts.end(), {directory_, end});
    write_durably(path, parts);
  }

 private:
  std::vector<std::string> headers_;
  std::vector<std::string_view> contents_;
  std::string directory_;
  std::size_t size_ = 0;
};

void write_torch_save(const std::string& path, const at::Tensor& tensor) {
  const std::string pickle = pickle_of(tensor);
  Archive archive;
  archive.add("archive/data.pkl", pickle);
  archive.add("archive/byteorder", "little");
  archive.add("archive/data/0", bytes_of(tensor));
  archive.add("archive/version", "3\n");
  archive.write(path);
}

}  // namespace

void write_tensor(const std::string& path, const at::Tensor& tensor) {
  const auto type = tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor plain = tensor.detach().to(at::kCPU, type).contiguous();
  if (path.ends_with(".npy")) return write_npy(path, plain);
  if (path.ends_with(".pt")) return write_torch_save(path, plain);
  throw FormatError(Origin{path, 0, 0}, "one tensor is written as .npy or .pt");
}

}  // namespace atp
