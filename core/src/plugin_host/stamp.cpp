#include "plugin_host/stamp.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include "atp/plugin.h"

#define ATP_TEXT_OF(x) #x
#define ATP_TEXT(x) ATP_TEXT_OF(x)
#if defined(_LIBCPP_VERSION)
#define ATP_STANDARD_LIBRARY "libc++"
#else
#define ATP_STANDARD_LIBRARY "libstdc++/cxx11=" ATP_TEXT(_GLIBCXX_USE_CXX11_ABI)
#endif

namespace atp {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t machine = EM_X86_64;
#else
constexpr std::uint16_t machine = EM_AARCH64;
#endif
constexpr std::uint64_t largest_plugin = std::uint64_t{4} << 30;  // bytes, debug information included
constexpr const char* copy_again = "build it again, or copy the whole file here again";
constexpr const char* not_ours =
    "take it out of the folder, or build it with atp_add_plugin (tools/new-plugin shows how)";

// A file that is only read. Opening a pipe or a device does not wait.
class File {
 public:
  explicit File(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
        error_(descriptor_ < 0 || ::fstat(descriptor_, &status_) != 0 ? errno : 0) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int error() const { return error_; }
  bool is_folder() const { return S_ISDIR(status_.st_mode); }
  bool is_regular() const { return S_ISREG(status_.st_mode); }
  std::uint64_t size() const { return static_cast<std::uint64_t>(status_.st_size); }

  // Up to `size` bytes from `offset` on; fewer at the file's end.
  std::string read(std::uint64_t offset, std::uint64_t size) const {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const auto got = ::pread(descriptor_, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  // The structure at `offset`; nothing where the file ends before its end.
  template <class T>
  std::optional<T> read_one(std::uint64_t offset) const {
    const auto bytes = read(offset, sizeof(T));
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

 private:
  struct stat status_ {};
  int descriptor_;
  int error_;
};

std::string machine_name(std::uint16_t number) {
  switch (number) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    default:
      return "processor number " + std::to_string(number);
  }
}

bool fits(std::uint64_t offset, std::uint64_t size, std::uint64_t file_size) {
  return offset <= file_size && size <= file_size - offset;
}

Fault truncated(std::uint64_t wanted, std::uint64_t file_size) {
  return {"the file is truncated: it has " + std::to_string(file_size) + " bytes, its headers want " +
              (wanted == 0 ? "more" : std::to_string(wanted)),
          copy_again};
}

Fault check_header(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return {"it is not a 64-bit little-endian library", not_ours};
  if (header.e_machine != machine)
    return {"it is built for " + machine_name(header.e_machine) + ", this machine is " ATP_ARCHITECTURE,
            "build it on this machine"};
  if (header.e_type != ET_DYN) return {"it is an ELF file but not a shared library", not_ours};
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      (header.e_shnum != 0 && header.e_shentsize != sizeof(Elf64_Shdr)))
    return {"its ELF header is damaged", copy_again};
  return {};
}

// Every segment and section lies within the file. `loaded` gets the end of the last segment that is mapped.
Fault check_tables(const File& file, const Elf64_Ehdr& header, std::uint64_t file_size, std::uint64_t& loaded) {
  bool dynamic = false;
  Fault fault;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = file.read_one<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return truncated(0, file_size);
    if (segment->p_type == PT_DYNAMIC) dynamic = true;
    if (segment->p_type == PT_LOAD) loaded = std::max(loaded, segment->p_offset + segment->p_filesz);
    if (!fault && !fits(segment->p_offset, segment->p_filesz, file_size))
      fault = truncated(segment->p_offset + segment->p_filesz, file_size);
  }
  if (fault) return fault;
  if (!dynamic) return {"it is an ELF file without a dynamic section", not_ours};
  if (header.e_shnum != 0 && !fits(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr), file_size))
    return truncated(header.e_shoff + std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr), file_size);
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto section = file.read_one<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
    if (!section) return truncated(0, file_size);
    if (section->sh_type != SHT_NOBITS && section->sh_type != SHT_NULL &&
        !fits(section->sh_offset, section->sh_size, file_size))
      return truncated(section->sh_offset + section->sh_size, file_size);
  }
  return {};
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<Stamp> parse_stamp(const std::string& text) {
  Stamp stamp;
  std::string offers;
  for (const auto& field : split(text, ' ')) {
    const auto equals = field.find('=');
    if (equals == std::string::npos) return std::nullopt;
    const auto key = field.substr(0, equals);
    const auto value = field.substr(equals + 1);
    if (key == "abi") stamp.abi = value;
    if (key == "torch") stamp.torch = value;
    if (key == "stdlib") stamp.standard_library = value;
    if (key == "arch") stamp.architecture = value;
    if (key == "name") stamp.name = value;
    if (key == "version") stamp.version = value;
    if (key == "offers") offers = value;
  }
  for (const auto& group : split(offers, ';')) {
    const auto colon = group.find(':');
    if (colon == std::string::npos) return std::nullopt;
    for (const auto& name : split(group.substr(colon + 1), ','))
      stamp.offers.emplace_back(group.substr(0, colon), name);
  }
  if (stamp.abi.empty() || stamp.name.empty() || stamp.offers.empty()) return std::nullopt;
  return stamp;
}

// Finds the one stamp in `bytes`.
Fault find_stamp(const std::string& bytes, Stamp& stamp) {
  constexpr std::size_t longest = 64 << 10;
  const std::string begin = "@<atp-stamp ", end = " >@";
  std::string found;
  for (auto at = bytes.find(begin); at != std::string::npos; at = bytes.find(begin, at + 1)) {
    const auto from = at + begin.size();
    const auto to = bytes.find(end, from);
    if (to == std::string::npos || to - from > longest) continue;
    const auto text = bytes.substr(from, to - from);
    if (!found.empty() && found != text) return {"it holds two different stamps of atp_add_plugin", copy_again};
    found = text;
  }
  if (found.empty())
    return {"it is not a plugin of atp: a shared library without the stamp of atp_add_plugin", not_ours};
  const auto parsed = parse_stamp(found);
  if (!parsed) return {"its stamp cannot be read: '" + found.substr(0, 200) + "'", copy_again};
  stamp = *parsed;
  stamp.text = begin + found + end;
  return {};
}

// `loaded` gets the bytes, from the file's start on, that its mapped segments take: 0 for what is no library.
Fault check_file(const File& file, std::uint64_t& loaded) {
  if (file.error() != 0)
    return {"it cannot be read: " + std::string(std::strerror(file.error())), "check the path and its permissions"};
  if (file.is_folder()) return {"it is a folder", not_ours};
  if (!file.is_regular()) return {"it is not a regular file", not_ours};
  const auto size = file.size();
  if (size == 0) return {"the file is empty", copy_again};
  if (size > largest_plugin) return {"no plugin has " + std::to_string(size) + " bytes", not_ours};
  if (file.read(0, SELFMAG) != std::string(ELFMAG, SELFMAG)) return {"it is not a shared library (ELF)", not_ours};
  const auto header = file.read_one<Elf64_Ehdr>(0);
  if (!header) return truncated(sizeof(Elf64_Ehdr), size);
  if (auto fault = check_header(*header)) return fault;
  auto fault = check_tables(file, *header, size, loaded);
  loaded = std::min(loaded, size);
  return fault;
}

}  // namespace

bool Stamp::offers_one(const std::string& kind, const std::string& wanted) const {
  return std::find(offers.begin(), offers.end(), std::pair(kind, wanted)) != offers.end();
}

Fault check_library(const std::string& path) {
  std::uint64_t loaded = 0;
  return check_file(File(path), loaded);
}

StampedFile read_stamp(const std::string& path) {
  const File file(path);
  std::uint64_t loaded = 0;
  StampedFile result{{}, check_file(file, loaded)};
  if (loaded == 0) return result;
  const auto missing = find_stamp(file.read(0, loaded), result.stamp);
  if (!result.fault) result.fault = missing;
  return result;
}

std::string how_to_rebuild() {
  namespace fs = boost::filesystem;
  const auto package = boost::dll::program_location().parent_path().parent_path() / "lib" / "cmake" / "atp";
  boost::system::error_code error;
  const auto shown = fs::is_directory(package, error) ? package.string() : "<prefix>/lib/cmake/atp";
  return "rebuild it: cmake -S <src> -B build -Datp_DIR=" + shown + " && cmake --build build";
}

Fault check_stamp(const Stamp& stamp, const std::string& libtorch) {
  const std::string abi = ATP_TEXT(ATP_ABI_VERSION);
  if (stamp.abi != abi)
    return {"built for plugin interface (ABI) " + stamp.abi + ", atp-run has " + abi, how_to_rebuild()};
  if (stamp.standard_library != ATP_STANDARD_LIBRARY)
    return {"built with the standard library " + stamp.standard_library + ", atp-run with " ATP_STANDARD_LIBRARY,
            how_to_rebuild()};
  if (stamp.architecture != ATP_ARCHITECTURE)
    return {"built for " + stamp.architecture + ", this machine is " ATP_ARCHITECTURE, how_to_rebuild()};
  for (const auto& [kind, name] : stamp.offers) {
    const auto& kinds = plugin_kinds();
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
      return {"it offers a kind that atp-run does not know: " + kind + " '" + name + "'", how_to_rebuild()};
    if (needs_libtorch(kind) && stamp.torch.empty())
      return {"it offers " + kind + " '" + name + "' but was built without libtorch", how_to_rebuild()};
  }
  if (!stamp.torch.empty() && stamp.torch != libtorch)
    return {"built for libtorch " + stamp.torch + ", atp-run has " + libtorch, how_to_rebuild()};
  return {};
}

const std::vector<std::string>& plugin_kinds() {
  static const std::vector<std::string> kinds = {"backbone", "task", "metric", "combiner", "method", "reader"};
  return kinds;
}

bool needs_libtorch(const std::string& kind) { return kind == "backbone" || kind == "combiner" || kind == "method"; }

}  // namespace atp
