#include "pipeline/saved_update.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "atp/error.h"
#include "pipeline/record.h"

namespace atp {

namespace {

constexpr std::uint64_t largest_header = 16 << 20;

// The JSON that a file of safetensors begins with, behind its length; "" where there is none.
std::string header_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char number[8];
  std::uint64_t length = 0;
  if (!file.read(number, sizeof number)) return "";
  std::memcpy(&length, number, sizeof length);
  std::string header(std::min(length, largest_header), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  return file ? header : "";
}

}  // namespace

std::int64_t saved_update(const std::string& folder) try {
  const std::string path = folder + "/state/state.safetensors";
  const std::string header = header_of(path);
  if (header.empty()) return 0;
  const Value tensors = parse_json(header, path);
  const Value* metadata = said_in(tensors, "__metadata__");
  return metadata ? integer_in(parse_json(text_in(*metadata, "state"), path), "update") : 0;
} catch (const Error&) {  // it is damaged: the training starts over, and says so then
  return 0;
}

}  // namespace atp
