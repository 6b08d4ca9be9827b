// An archive or gzip file is refused with DataError, or every entry of it can be read. The first byte says which form.
// The sums over a 7z's table are filled in: nothing behind them would be reached otherwise.
#include "data/archive.h"

#include <stdlib.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>

#include "atp/error.h"
#include "data/gzip.h"

namespace {

// A file with an archive's ending, written again for each input.
class PackedFile {
 public:
  PackedFile() {
    if (!mkdtemp(folder_)) std::abort();
  }
  std::string write(std::string_view bytes, const std::string& ending) {
    const std::string path = std::string(folder_) + "/input" + ending;
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
  }

 private:
  char folder_[32] = "/tmp/atp-fuzz-XXXXXX";
};

// Signature and version, the next 20 bytes' sum, where the table stands behind these 32 bytes, its length and its sum.
std::string with_sums(std::string_view given) {
  std::string bytes(given);
  constexpr std::size_t start = 32;
  if (bytes.size() < start) return bytes;
  const auto sum = [&](std::size_t at, std::size_t size) {
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + at, static_cast<uInt>(size)));
  };
  std::uint64_t table[2];
  std::memcpy(table, bytes.data() + 12, sizeof table);
  if (table[0] <= bytes.size() - start && table[1] <= bytes.size() - start - table[0]) {
    const std::uint32_t of_table = sum(start + table[0], table[1]);
    std::memcpy(bytes.data() + 28, &of_table, sizeof of_table);
  }
  const std::uint32_t of_start = sum(12, 20);
  std::memcpy(bytes.data() + 8, &of_start, sizeof of_start);
  return bytes;
}

std::size_t size_of(atp::ByteSource& bytes) {
  std::size_t size = 0;
  for (std::string_view chunk = bytes.next(); !chunk.empty(); chunk = bytes.next()) size += chunk.size();
  return size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  static PackedFile file;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t form = data[0] % 5;  // zip, tar.gz, tar, gzip, 7z
  if (form == 3) {
    atp::GzipBytes unpacked(std::make_unique<atp::TextBytes>(bytes), "input");
    size_of(unpacked);
    return 0;
  }
  const std::string ending = form < 2 ? atp::archive_endings()[form] : form == 2 ? ".tar" : ".7z";
  const std::string path = file.write(form == 4 ? with_sums(bytes) : std::string(bytes), ending);
  std::set<std::string> names;
  for (const auto& entry : *atp::archive_entries(path)) {
    if (entry.name.starts_with("/") || entry.name.starts_with("../")) std::abort();
    if (entry.kind == atp::ArchiveEntry::Kind::file) names.insert(entry.name);
  }
  std::size_t seen = 0;
  atp::visit_entries(path, {names.rbegin(), names.rend()}, [&](std::size_t index, atp::ByteSource& entry) {
    if (index != seen++) std::abort();
    size_of(entry);
  });
  if (seen != names.size()) std::abort();
  return 0;
} catch (const atp::DataError&) {
  return 0;
}
