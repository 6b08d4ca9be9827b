#include "atp/tensor_file.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <doctest/doctest.h>

#include <unistd.h>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

#include "atp/error.h"
#include "tests/places.h"

namespace {

const std::string golden = tests::in_source_tree("/tests/goldens/safetensors/mixed.safetensors");

// A folder of its own that goes with the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("atp-safetensors-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string with_length(const std::string& header, std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header;
}

std::string file_of(const std::string& header, std::size_t data) {
  return with_length(header, header.size()) + std::string(data, '\1');
}

std::string message_for(const std::string& path) {
  try {
    atp::TensorFile file(path);
  } catch (const atp::FormatError& error) {
    return error.what();
  }
  return "no error";
}

std::map<std::string, at::Tensor> golden_tensors() {
  const std::pair<const char*, at::ScalarType> types[] = {
      {"float64", at::kDouble}, {"float32", at::kFloat}, {"float16", at::kHalf},  {"bfloat16", at::kBFloat16},
      {"int64", at::kLong},     {"int32", at::kInt},     {"int16", at::kShort},   {"int8", at::kChar},
      {"uint64", at::kUInt64},  {"uint32", at::kUInt32}, {"uint16", at::kUInt16}, {"uint8", at::kByte}};
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, type] : types) tensors[name] = at::arange(6, at::kLong).view({2, 3}).to(type);
  tensors["bool"] = at::arange(3, at::kLong).ne(1);
  tensors["scalar"] = at::full({}, 7.5, at::kFloat);
  tensors["empty"] = at::zeros({0, 4});
  tensors["näme \"quoted\"\n"] = at::ones({1});
  return tensors;
}

}  // namespace

TEST_CASE("a file by the safetensors package is read") {
  const atp::TensorFile file(golden);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  const auto expected = golden_tensors();
  CHECK(file.entries().size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    const std::string key(name);
    CAPTURE(key);
    const at::Tensor found = file.tensor(name);
    CHECK((found.scalar_type() == tensor.scalar_type()));
    CHECK(found.sizes() == tensor.sizes());
    CHECK(std::string(static_cast<const char*>(found.const_data_ptr()), found.nbytes()) ==
          std::string(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()));
  }
  CHECK(file.find("float3") == nullptr);
  CHECK_THROWS_WITH_AS(file.tensor("flaot32"), doctest::Contains("no tensor 'flaot32'; did you mean 'float32'"),
                       atp::FormatError);
}

TEST_CASE("the same tensors are written as the safetensors package writes them, byte for byte") {
  const Folder folder;
  atp::write_tensors(folder.file("mixed.safetensors"), golden_tensors(), {{"format", "pt"}});
  CHECK(read(folder.file("mixed.safetensors")) == read(golden));
}

TEST_CASE("what is written is read back: strides, offsets, no tensors at all") {
  const Folder folder;
  const std::string path = folder.file("a.safetensors");
  const at::Tensor base = at::arange(12, at::kFloat).view({3, 4});
  atp::write_tensors(path, {{"transposed", base.t()}, {"slice", base.narrow(1, 1, 2)}}, {{"b", "2"}, {"a", "\"1\""}});
  const atp::TensorFile file(path);
  CHECK(at::equal(file.tensor("transposed"), base.t()));
  CHECK(at::equal(file.tensor("slice"), base.narrow(1, 1, 2)));
  CHECK(file.metadata() == std::map<std::string, std::string>{{"a", "\"1\""}, {"b", "2"}});
  atp::write_tensors(path, {});
  CHECK(atp::TensorFile(path).entries().empty());
  CHECK_THROWS_AS(atp::write_tensors(folder.file("none/a.safetensors"), {}), atp::Error);
}

TEST_CASE("a tensor keeps the map alive, and writing into it leaves the file alone") {
  const Folder folder;
  const std::string path = folder.file("a.safetensors");
  atp::write_tensors(path, {{"x", at::ones({1000})}});
  const std::string before = read(path);
  at::Tensor x = atp::TensorFile(path).tensor("x");
  x.fill_(3);
  CHECK(x.sum().item<float>() == 3000);
  CHECK(read(path) == before);
  CHECK(atp::TensorFile(path).tensor("x").sum().item<float>() == 1000);
}

TEST_CASE("a tensor that is not aligned is copied") {
  const Folder folder;
  const std::string path = folder.file("a.safetensors");
  write(path, file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
                      9));
  const at::Tensor b = atp::TensorFile(path).tensor("b");
  CHECK(reinterpret_cast<std::uintptr_t>(b.const_data_ptr()) % 4 == 0);
  CHECK(static_cast<const unsigned char*>(b.const_data_ptr())[7] == 1);
}

TEST_CASE("a file that is cut short anywhere is an error, never a crash") {
  const Folder folder;
  const std::string bytes = read(golden), path = folder.file("cut.safetensors");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write(path, bytes.substr(0, size));
    CAPTURE(size);
    CHECK(message_for(path).rfind(path, 0) == 0);
  }
  write(path, bytes + "more");
  CHECK(message_for(path) == path + ": 4 bytes follow the last tensor; expected the file to end there");
  write(path, bytes.substr(0, bytes.size() - 1));
  CHECK(message_for(path).find("tensor 'bool': ends at byte 287 of the data, the file holds 286; it was cut short") !=
        std::string::npos);
}

TEST_CASE("every bad file has its message") {
  const Folder folder;
  const std::string x = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  const std::tuple<const char*, std::string, const char*> cases[] = {
      {"header beyond the file", with_length("{}", 1000), "the header should take 1000 bytes, the file has 2"},
      {"absurd header", with_length("{}", ~0ull), "cut short, or no file of tensors"},
      {"pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "'git lfs pull' in the folder"},
      {"not JSON", file_of("{\"x\":", 0), "not JSON"},
      {"not a map", file_of("[1]", 0), "the header is a list; expected a map"},
      {"not a map inside", file_of(R"({"x":3})", 0), "tensor 'x': found integer, expected a map"},
      {"two of one name", file_of("{\"x\":{" + x + "},\"x\":{" + x + "}}", 8), "two keys 'x'"},
      {"no dtype", file_of(R"({"x":{"shape":[2],"data_offsets":[0,8]}})", 8), "tensor 'x': no 'dtype'"},
      {"unknown dtype", file_of(R"({"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8),
       "tensor 'x': dtype is \"F31\"; expected one of U64, I64"},
      {"negative size", file_of(R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), "-2; expected"},
      {"size not a number", file_of(R"({"x":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}})", 8), "\"2\"; exp"},
      {"sizes overflow", file_of(R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
       "larger than any"},
      {"sizes overflow around a zero",
       file_of(R"({"x":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]}})", 0), "larger than any"},
      {"one offset", file_of(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8]}})", 8), "expected [begin, end]"},
      {"offsets backwards", file_of(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), "end before they"},
      {"beyond the data", file_of("{\"x\":{" + x + "}}", 7), "ends at byte 8 of the data, the file holds 7"},
      {"wrong size", file_of(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
       "data_offsets span 8 bytes, F32 [3] takes 12"},
      {"overlap", file_of("{\"x\":{" + x + R"(},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "tensor 'y' begins at byte 4; expected 8, where 'x' ends: they overlap"},
      {"hole", file_of("{\"x\":{" + x + R"(},"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16),
       "the bytes between belong to no tensor"},
      {"metadata", file_of("{\"__metadata__\":{\"a\":1},\"x\":{" + x + "}}", 8),
       "__metadata__ 'a' is 1; expected a text"},
  };
  for (const auto& [name, bytes, expected] : cases) {
    const std::string key(name);
    CAPTURE(key);
    const std::string path = folder.file("bad.safetensors");
    write(path, bytes);
    const std::string message = message_for(path);
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
    CHECK(message.rfind(path, 0) == 0);
  }
  CHECK(message_for(folder.file("absent")).find("cannot be read: No such file") != std::string::npos);
  CHECK(message_for(folder.file("")).find("cannot be read: Is a directory") != std::string::npos);
}
