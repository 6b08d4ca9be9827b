#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/value.h"
#include "tests/places.h"
#include "tests/unit/torch_save_writer.h"

namespace {

using torch_save::Entries;
using torch_save::global;
using torch_save::pickle;
using torch_save::storage;
using torch_save::tensor;
using torch_save::text;
using torch_save::zip_of;

const std::string goldens = tests::in_source_tree("/tests/goldens/torch_save/");
const std::string fixtures = tests::in_source_tree("/../shared/fixtures/");

class File {
 public:
  explicit File(const std::string& bytes = "")
      : path_(std::filesystem::temp_directory_path() / ("atp-torch-save-" + std::to_string(::getpid()) + ".pt")) {
    write(bytes);
  }
  ~File() { std::filesystem::remove(path_); }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

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

// What make_torch_save.py puts into its files.
std::map<std::string, at::Tensor> mixed_tensors() {
  const std::pair<const char*, at::ScalarType> types[] = {{"float64", at::kDouble},
                                                          {"float32", at::kFloat},
                                                          {"float16", at::kHalf},
                                                          {"bfloat16", at::kBFloat16},
                                                          {"int64", at::kLong},
                                                          {"int32", at::kInt},
                                                          {"int16", at::kShort},
                                                          {"int8", at::kChar},
                                                          {"uint64", at::kUInt64},
                                                          {"uint32", at::kUInt32},
                                                          {"uint16", at::kUInt16},
                                                          {"uint8", at::kByte},
                                                          {"float8_e4m3fn", at::kFloat8_e4m3fn},
                                                          {"float8_e5m2", at::kFloat8_e5m2}};
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, type] : types)
    tensors["model." + std::string(name)] = at::arange(6, at::kLong).view({2, 3}).to(type);
  const at::Tensor base = at::arange(12, at::kFloat).view({3, 4});
  tensors["model.bool"] = at::arange(3, at::kLong).ne(1);
  tensors["model.scalar"] = at::full({}, 7.5, at::kFloat);
  tensors["model.empty"] = at::zeros({0, 4});
  tensors["model.base"] = tensors["model.same"] = base;
  tensors["model.transposed"] = base.t();
  tensors["model.slice"] = base.narrow(0, 1, 2).narrow(1, 1, 2);
  tensors["model.last_row"] = base.select(0, 2);
  tensors["model.reversed_axes"] = at::arange(24, at::kFloat).view({2, 3, 4}).permute({2, 0, 1});
  tensors["model.parameter"] = at::arange(4, at::kFloat);
  tensors["model.parameter_with_state"] = at::arange(3, at::kFloat);
  tensors["list.0"] = at::ones({1});
  tensors["list.1.0"] = at::full({2}, 2.0, at::kFloat);
  tensors["7"] = at::full({1}, 7.0, at::kFloat);
  return tensors;
}

std::string bytes_of(const at::Tensor& given) {
  const at::Tensor tensor = given.contiguous();
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

// An archive of one pickle and a storage '0' of two floats.
std::string archive_of(const std::string& value) {
  return zip_of({{"a/data.pkl", pickle(value)}, {"a/data/0", std::string(8, '\0')}});
}
const std::string two_floats = storage("FloatStorage", "0", 2);

}  // namespace

TEST_CASE("files by torch.save are read: every type, views, parameters, containers, protocols 2 to 5") {
  const auto expected = mixed_tensors();
  for (const char* protocol : {"2", "3", "4", "5"}) {
    const std::string path = goldens + "mixed-" + protocol + ".pt";
    CAPTURE(path);
    const atp::TensorFile file(path);
    CHECK(file.entries().size() == expected.size());
    CHECK(file.metadata().empty());
    for (const auto& [name, tensor] : expected) {
      const std::string key(name);
      CAPTURE(key);
      const at::Tensor found = file.tensor(name);
      CHECK((found.scalar_type() == tensor.scalar_type()));
      CHECK(found.sizes() == tensor.sizes());
      CHECK(found.is_contiguous());
      CHECK(bytes_of(found) == bytes_of(tensor));
    }
  }
}

TEST_CASE("a file that is one tensor calls it 'tensor'; its device does not matter, nor the rest of its storage") {
  const at::Tensor row = at::arange(8, 12, at::kFloat);
  for (const char* name : {"row-of-cuda.pt", "parameter-of-cuda.pt"}) {
    const atp::TensorFile file(goldens + name);
    REQUIRE(file.entries().size() == 1);
    CHECK(file.entries().front().name == "tensor");
    CHECK(at::equal(file.tensor("tensor"), row));
  }
}

TEST_CASE("tensors are views of the map; writing into one leaves the file and the next reader alone") {
  const std::string path = goldens + "mixed-2.pt", before = read(path);
  const atp::TensorFile file(path);
  at::Tensor base = file.tensor("model.base");
  CHECK(file.tensor("model.same").const_data_ptr() == base.const_data_ptr());
  CHECK(file.tensor("model.transposed").const_data_ptr() != base.const_data_ptr());
  base.fill_(3);
  CHECK(read(path) == before);
  CHECK(atp::TensorFile(path).tensor("model.base").sum().item<float>() == 66);
}

TEST_CASE("what a pickle asks for beyond tensors is refused by its name") {
  const std::tuple<const char*, const char*> cases[] = {
      {"calls-system.pt", "its pickle asks for 'posix.system'; expected tensors"},
      {"calls-eval.pt", "its pickle asks for 'builtins.eval'; expected tensors"},
      {"module.pt", "its pickle asks for 'torch.nn.modules.linear.Linear'; expected tensors"},
      {"complex.pt", "its pickle asks for 'torch.ComplexFloatStorage'; expected tensors"},
      {"negated.pt", "save it as x.resolve_neg()"},
      {"expanded.pt", "has a tensor [1000, 1000], strides [0, 0], at element 0 of storage '0', which holds 1 elements"},
      {"before-1.6.pt", "torch.save wrote this in the form before version 1.6, which is not read"},
  };
  for (const auto& [name, expected] : cases) {
    const std::string message = message_for(goldens + name);
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
    CHECK(message.rfind(goldens + name + ": ", 0) == 0);
  }
}

TEST_CASE("a file that is cut short anywhere is an error, never a crash") {
  const std::string bytes = read(goldens + "mixed-2.pt");
  const File file;
  for (std::size_t size = 4; size < bytes.size(); size += 7) {
    file.write(bytes.substr(0, size));
    CAPTURE(size);
    CHECK(message_for(file.path()).rfind(file.path(), 0) == 0);
  }
}

TEST_CASE("zip64 and unaligned storages are read") {
  const std::string floats = bytes_of(at::arange(6, at::kFloat));
  const std::string value = tensor(storage("FloatStorage", "0", 6), 1, {2, 2}, {1, 2});
  for (const char* name : {"a", "ab", "abc", "abcd"}) {  // one of these leaves the storage where it is aligned
    const Entries entries = {{name + std::string("/data.pkl"), pickle(value)}, {name + std::string("/data/0"), floats}};
    for (const bool wide : {false, true}) {
      const File file(zip_of(entries, wide));
      CHECK(at::equal(atp::TensorFile(file.path()).tensor("tensor"), at::arange(1, 5, at::kFloat).view({2, 2}).t()));
    }
  }
}

TEST_CASE("every bad archive has its message") {
  const std::string good = archive_of(tensor(two_floats, 0, {2}, {1}));
  const auto with = [&](std::size_t from_end, const std::string& bytes) {
    std::string changed = good;
    return changed.replace(changed.size() - from_end, bytes.size(), bytes);
  };
  const std::tuple<const char*, std::string, const char*> cases[] = {
      {"no end", good.substr(0, good.size() - 1), "was cut short or is not complete yet"},
      {"directory beyond the file", with(6, torch_save::number32(100000)), "its directory should take"},
      {"more entries than there are", with(12, torch_save::number16(9)), "entry 3 of 9 in its directory is none"},
      {"two of a name", zip_of({{"a/data.pkl", ""}, {"a/data.pkl", ""}}), "two entries 'a/data.pkl'"},
      {"no pickle", zip_of({{"a/x", ""}}), "a zip archive without NAME/data.pkl"},
      {"compressed", zip_of({{"a/data.pkl", "x"}}, false, 8), "'a/data.pkl' is compressed or encrypted"},
      {"big-endian", zip_of({{"a/data.pkl", "x"}, {"a/byteorder", "big"}}), "expected byteorder 'little'"},
      {"no storage", archive_of(tensor(storage("FloatStorage", "1", 2), 0, {2}, {1})), "'a/data/1' is not there"},
      {"a storage elsewhere", archive_of(tensor(storage("FloatStorage", "../../x", 2), 0, {2}, {1})),
       "'a/data/../../x' is not there"},
      {"storage too small", archive_of(tensor(storage("FloatStorage", "0", 3), 0, {3}, {1})),
       "tensor 'tensor': its storage 'a/data/0' has 8 bytes, expected 12"},
  };
  for (const auto& [name, bytes, expected] : cases) {
    const std::string key(name);
    CAPTURE(key);
    const File file(bytes);
    const std::string message = message_for(file.path());
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
  }
  CHECK(message_for(File(good).path()) == "no error");
}

TEST_CASE("every bad pickle has its message") {
  const std::string rebuild = global("torch._utils", "_rebuild_tensor_v2");
  const std::string inside_itself = "}q\x01" + text("x") + "h\x01s";
  std::string nested = "]", laughs = "]NaNa";
  for (int i = 0; i < 60; ++i) nested = "]" + nested + "a";
  for (int i = 0; i < 20; ++i)
    laughs +=
        "q\x01]h\x01"
        "ah\x01"
        "a";
  const std::tuple<const char*, std::string, const char*> cases[] = {
      {"offset beyond", tensor(two_floats, 1, {2}, {1}), "at element 1 of storage '0', which holds 2 elements"},
      {"strides beyond", tensor(two_floats, 0, {2}, {2}), "strides [2]"},
      {"negative stride", tensor(two_floats, 1, {2}, {-1}), "_rebuild_tensor_v2 is given what it does not take"},
      {"negative offset", tensor(two_floats, -1, {2}, {1}), "is given what it does not take"},
      {"absurd stride", tensor(two_floats, 0, {2, 1}, {INT64_MAX, INT64_MAX}), "which holds 2 elements"},
      {"absurd shape", tensor(two_floats, 0, {1LL << 40, 1LL << 40}, {0, 0}), "which holds 2 elements"},
      {"absurd storage", tensor(storage("FloatStorage", "0", INT64_MAX), 0, {2}, {1}), "has a storage '0' of 92233"},
      {"shape and strides differ", tensor(two_floats, 0, {2}, {1, 1}), "is given what it does not take"},
      {"no storage", rebuild + "(NK\x01))\x89}tR", "is given what it does not take"},
      {"a call of nothing", "N)R", "calls what is no function that a tensor is made with"},
      {"state of a list", "]}b", "sets the state of what is no dictionary"},
      {"no persistent id", "]Q", "refers to something outside that is no storage"},
      {"an empty stack", "a", "nothing on its stack"},
      {"no mark", "t", "no mark on its stack"},
      {"a key alone", "(Nd", "a key without a value"},
      {"never remembered", "h\x07", "refers to a value 7 that is not there"},
      {"unknown opcode", "\x82\x01", "has opcode 130, which torch.save does not write"},
      {"key of another kind", "}NNs", "a key that is neither a text nor an integer"},
      {"in itself", inside_itself, "is nested more than 50 levels deep"},
      {"too deep", nested, "is nested more than 50 levels deep"},
      {"too many", laughs, "holds more than 1000000 values"},
      {"two of a name",
       "}(" + text("a.b") + tensor(two_floats, 0, {2}, {1}) + text("a") + "}" + text("b") +
           tensor(two_floats, 0, {2}, {1}) + "su",
       "has two tensors 'a.b'"},
      {"a long name", "}" + text(std::string(400, 'x')) + tensor(two_floats, 0, {2}, {1}) + "s", "a name of more than"},
  };
  for (const auto& [name, value, expected] : cases) {
    const std::string key(name);
    CAPTURE(key);
    const File file(archive_of(value));
    const std::string message = message_for(file.path());
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
  }
  const File text_protocol(zip_of({{"a/data.pkl", "(dp0\n."}}));
  CHECK(message_for(text_protocol.path()).find("does not begin with its protocol's number") != std::string::npos);
  const File protocol_9(zip_of({{"a/data.pkl", "\x80\x09N."}}));
  CHECK(message_for(protocol_9.path()).find("is of protocol 9; expected 2 to 5") != std::string::npos);
}

TEST_CASE("real files of other programs hold what torch reads in them") {
  if (!std::filesystem::exists(fixtures)) {
    MESSAGE("skipped: no ../shared/fixtures here");
    return;
  }
  const atp::Value expected = atp::parse_json(read(goldens + "real.json"), "real.json");
  for (const auto& [name, sums] : expected.members()) {
    const atp::TensorFile file(fixtures + name);
    CAPTURE(file.path());
    std::int64_t elements = 0;
    double sum = 0, weighted = 0, place = 0;
    for (const auto& entry : file.entries()) {
      const at::Tensor values = file.tensor(entry).to(at::kDouble);
      const double one = values.sum().item<double>();
      elements += values.numel();
      sum += one;
      weighted += ++place * one;
    }
    CHECK(static_cast<std::int64_t>(file.entries().size()) == sums.at("tensors").integer());
    CHECK(elements == sums.at("elements").integer());
    CHECK(sum == doctest::Approx(sums.at("sum").number()).epsilon(1e-9));
    CHECK(weighted == doctest::Approx(sums.at("weighted").number()).epsilon(1e-9));
  }
}
