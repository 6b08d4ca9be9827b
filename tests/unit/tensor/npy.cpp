#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/value.h"
#include "tests/places.h"

namespace {

const std::string goldens = tests::in_source_tree("/tests/goldens/npy/");
const std::string fixtures = tests::in_source_tree("/../shared/fixtures/");

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string message_for(const std::string& path) {
  try {
    atp::TensorFile file(path);
  } catch (const atp::FormatError& error) {
    return error.what();
  }
  return "no error";
}

// The message for a file of these bytes.
std::string message_of(const std::string& bytes) {
  const auto path = std::filesystem::temp_directory_path() / ("atp-npy-" + std::to_string(::getpid()) + ".npy");
  std::ofstream(path, std::ios::binary) << bytes;
  const std::string message = message_for(path.string());
  std::filesystem::remove(path);
  return message;
}

std::string npy(const std::string& header, std::size_t data) {
  const std::string length = {static_cast<char>(header.size() % 256), static_cast<char>(header.size() / 256)};
  return std::string("\x93NUMPY\x01\0", 8) + length + header + std::string(data, '\0');
}

}  // namespace

TEST_CASE("files by numpy.save are read: every type, both orders, a scalar") {
  const std::pair<const char*, at::ScalarType> types[] = {
      {"float64", at::kDouble}, {"float32", at::kFloat}, {"float16", at::kHalf}, {"int64", at::kLong},
      {"int32", at::kInt},      {"int16", at::kShort},   {"int8", at::kChar},    {"uint64", at::kUInt64},
      {"uint32", at::kUInt32},  {"uint16", at::kUInt16}, {"uint8", at::kByte},   {"fortran", at::kFloat}};
  for (const auto& [name, type] : types) {
    const atp::TensorFile file(goldens + name + ".npy");
    CAPTURE(file.path());
    REQUIRE(file.entries().size() == 1);
    const at::Tensor found = file.tensor("tensor");
    CHECK((found.scalar_type() == type));
    CHECK(at::equal(found.to(at::kLong), at::arange(6, at::kLong).view({2, 3})));
  }
  CHECK(atp::TensorFile(goldens + "scalar.npy").tensor("tensor").item<double>() == 7.5);
  CHECK(message_for(goldens + "big.npy").find("descr is \">f4\"; expected one of <f8") != std::string::npos);
}

TEST_CASE("every bad .npy file has its message") {
  const std::string whole = read(goldens + "float32.npy");
  CHECK(message_of(whole.substr(0, whole.size() - 1)).find("holds 23 bytes of numbers, and [2, 3] of <f4 takes 24") !=
        std::string::npos);
  CHECK(message_of(whole + "x").find("holds 25 bytes") != std::string::npos);
  for (std::size_t size = 6; size < whole.size(); ++size) CHECK(message_of(whole.substr(0, size)) != "no error");
  const std::tuple<const char*, std::size_t, const char*> cases[] = {
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "descr is \"|O\""},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "descr is [[\"a\""},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, "shape is [-1]"},
      {"{'descr': '<f4', 'fortran_order': False}", 4, "shape is absent"},
      {"{'descr': '<f4', 'shape': (1,), }", 4, "no fortran_order"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0, "larger than any memory"},
      {"__import__('os')", 0, "its header is none that numpy writes"},
  };
  for (const auto& [header, data, expected] : cases) {
    const std::string message = message_of(npy(header, data));
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
  }
}

TEST_CASE("real prompts of prompt-tuning hold what numpy reads in them") {
  if (!std::filesystem::exists(fixtures)) {
    MESSAGE("skipped: no ../shared/fixtures here");
    return;
  }
  const atp::Value expected = atp::parse_json(read(goldens + "real.json"), "real.json");
  for (const auto& [name, sums] : expected.members()) {
    const at::Tensor values = atp::TensorFile(fixtures + name).tensor("tensor").to(at::kDouble);
    CHECK(values.size(0) == sums.at("shape").items()[0].integer());
    CHECK(values.size(1) == sums.at("shape").items()[1].integer());
    CHECK(values.sum().item<double>() == doctest::Approx(sums.at("sum").number()).epsilon(1e-9));
    CHECK((values.view({-1}) * at::arange(1, values.numel() + 1, at::kDouble)).sum().item<double>() ==
          doctest::Approx(sums.at("weighted").number()).epsilon(1e-9));
  }
}
