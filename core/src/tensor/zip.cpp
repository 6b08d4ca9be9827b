#include "tensor/zip.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "atp/error.h"

namespace atp {

namespace {

constexpr std::uint32_t local_header = 0x04034b50;
constexpr std::uint32_t directory_header = 0x02014b50;
constexpr std::uint32_t end_header = 0x06054b50;
constexpr std::uint32_t end64_locator = 0x07064b50;
constexpr std::uint32_t end64_header = 0x06064b50;

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FormatError(Origin{path, 0, 0}, message);
}

// Little-endian numbers at a place that was checked.
template <class Number>
Number number_at(std::string_view bytes, std::size_t place) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + place, sizeof number);
  return number;
}
std::uint64_t number16(std::string_view bytes, std::size_t place) { return number_at<std::uint16_t>(bytes, place); }
std::uint64_t number32(std::string_view bytes, std::size_t place) { return number_at<std::uint32_t>(bytes, place); }
std::uint64_t number64(std::string_view bytes, std::size_t place) { return number_at<std::uint64_t>(bytes, place); }

bool holds(std::string_view bytes, std::uint64_t place, std::uint64_t size) {
  return place <= bytes.size() && size <= bytes.size() - place;
}

struct Directory {
  std::uint64_t begin, size, entries;
};

// The record at the very end, behind which there may be a comment of up to 65535 bytes.
std::size_t find_end(const std::string& path, std::string_view bytes) {
  constexpr std::size_t size = 22, longest_comment = 65535;
  if (bytes.size() >= size)
    for (std::size_t back = size; back <= std::min(bytes.size(), size + longest_comment); ++back) {
      const std::size_t place = bytes.size() - back;
      if (number32(bytes, place) == end_header && number16(bytes, place + 20) == back - size) return place;
    }
  fail(path,
       "begins as a zip archive (as torch.save writes it) and does not end as one: it was cut short or is not "
       "complete yet");
}

Directory find_directory(const std::string& path, std::string_view bytes) {
  const std::size_t end = find_end(path, bytes);
  Directory found{number32(bytes, end + 16), number32(bytes, end + 12), number16(bytes, end + 10)};
  if (end >= 20 && number32(bytes, end - 20) == end64_locator) {
    const std::uint64_t place = number64(bytes, end - 12);
    if (!holds(bytes, place, 56) || number32(bytes, place) != end64_header)
      fail(path, "the zip archive is damaged: no zip64 record at byte " + std::to_string(place));
    found = {number64(bytes, place + 48), number64(bytes, place + 40), number64(bytes, place + 32)};
  }
  if (!holds(bytes, found.begin, found.size) || found.begin + found.size > end)
    fail(path, "the zip archive is damaged: its directory should take " + std::to_string(found.size) +
                   " bytes from byte " + std::to_string(found.begin) + ", the file has " +
                   std::to_string(bytes.size()));
  return found;
}

// What the directory says about one entry, and where its local header is.
struct Listed {
  std::string name;
  std::uint64_t stored_size, size, header;
  bool is_stored;
  std::size_t length;  // of all this in the directory
};

// Numbers that do not fit into 32 bits stand in the extra field 1, in this order, each only where it is needed.
bool read_zip64(std::string_view extra, Listed& entry) {
  std::uint64_t* numbers[] = {&entry.size, &entry.stored_size, &entry.header};
  const auto is_wide = [](const std::uint64_t* number) { return *number == 0xffffffff; };
  if (std::none_of(std::begin(numbers), std::end(numbers), is_wide)) return true;
  for (std::size_t place = 0; holds(extra, place, 4);) {
    const auto kind = number16(extra, place), size = number16(extra, place + 2);
    place += 4;
    if (!holds(extra, place, size)) return false;
    if (kind == 1) {
      const std::string_view field = extra.substr(place, size);
      std::size_t next = 0;
      for (auto* number : numbers) {
        if (!is_wide(number)) continue;
        if (!holds(field, next, 8)) return false;
        *number = number64(field, next);
        next += 8;
      }
      return true;
    }
    place += size;
  }
  return false;
}

std::optional<Listed> read_listed(std::string_view directory, std::size_t place) {
  if (!holds(directory, place, 46) || number32(directory, place) != directory_header) return {};
  const auto flags = number16(directory, place + 8), method = number16(directory, place + 10);
  const auto name = number16(directory, place + 28), extra = number16(directory, place + 30);
  const std::size_t length = 46 + name + extra + number16(directory, place + 32);
  if (!holds(directory, place, length)) return {};
  Listed entry{std::string(directory.substr(place + 46, name)),
               number32(directory, place + 20),
               number32(directory, place + 24),
               number32(directory, place + 42),
               method == 0 && (flags & 1) == 0,
               length};
  if (!read_zip64(directory.substr(place + 46 + name, extra), entry)) return {};
  return entry;
}

ZipEntry locate(const std::string& path, std::string_view bytes, const Listed& entry) {
  if (!entry.is_stored) return {0, 0, false};
  const std::string where = "the zip archive is damaged: entry '" + entry.name + "' ";
  if (entry.size != entry.stored_size)
    fail(path,
         where + "takes " + std::to_string(entry.stored_size) + " bytes and should hold " + std::to_string(entry.size));
  if (!holds(bytes, entry.header, 30) || number32(bytes, entry.header) != local_header)
    fail(path, where + "should begin at byte " + std::to_string(entry.header) + ", and there is none");
  const std::uint64_t begin =
      entry.header + 30 + number16(bytes, entry.header + 26) + number16(bytes, entry.header + 28);
  if (!holds(bytes, begin, entry.size))
    fail(path, where + "should hold " + std::to_string(entry.size) + " bytes from byte " + std::to_string(begin) +
                   ", the file has " + std::to_string(bytes.size()));
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(entry.size), true};
}

}  // namespace

std::map<std::string, ZipEntry> read_zip(const std::string& path, std::string_view bytes) {
  const Directory place = find_directory(path, bytes);
  const std::string_view directory = bytes.substr(place.begin, place.size);
  std::map<std::string, ZipEntry> entries;
  std::size_t next = 0;
  for (std::uint64_t i = 0; i < place.entries; ++i) {
    const auto listed = read_listed(directory, next);
    if (!listed)
      fail(path, "the zip archive is damaged: entry " + std::to_string(i + 1) + " of " + std::to_string(place.entries) +
                     " in its directory is none");
    if (!entries.emplace(listed->name, locate(path, bytes, *listed)).second)
      fail(path, "the zip archive has two entries '" + listed->name + "'; expected one");
    next += listed->length;
  }
  return entries;
}

}  // namespace atp
