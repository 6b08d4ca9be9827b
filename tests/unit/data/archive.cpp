#include "data/archive.h"

#include "data/gzip.h"
#include "tests/unit/data/packing.h"

using namespace atp;
using test::Folder;
using test::has;
using test::pack;

namespace {

const std::vector<std::string> forms = {"a.zip", "a.tar.gz", "a.tgz", "a.tar", "a.7z"};

std::string all(ByteSource& bytes) {
  std::string text;
  for (std::string_view chunk = bytes.next(); !chunk.empty(); chunk = bytes.next()) text += chunk;
  return text;
}

std::vector<std::string> read(const std::string& path, const std::vector<std::string>& names) {
  std::vector<std::string> result;
  visit_entries(path, names, [&](std::size_t index, ByteSource& bytes) {
    CHECK(index == result.size());
    result.push_back(all(bytes));
  });
  return result;
}

std::vector<std::string> names(const std::string& path) {
  std::vector<std::string> result;
  for (const auto& entry : *archive_entries(path)) result.push_back(entry.name);
  return result;
}

std::string unpacked(const std::string& packed) {
  GzipBytes bytes(std::make_unique<TextBytes>(packed), "x.gz");
  return all(bytes);
}

std::string fault(const std::string& path, const std::string& name) {
  return test::message<DataError>([&] { read(path, {name}); });
}

// Text that does not pack well, the same every time.
std::string noise(std::size_t size) {
  std::string text;
  for (std::uint32_t state = 1; text.size() < size; state = state * 1664525 + 1013904223) {
    text += static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

void cut(const std::string& path, double part) {
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(part * std::filesystem::file_size(path)));
}

}  // namespace

TEST_CASE("entries are handed out in the order that is asked for, whatever their order in the archive") {
  const Folder folder;
  const std::string large = noise(1'000'000);
  for (const auto& form : forms) {
    const auto path = pack(folder, form, {{"b/"}, {"./b/2", large}, {"b/1", "one"}, {"b/3", ""}, {"c", "sea"}});
    auto order = std::vector<std::string>{"b/2", "b/1", "b/3", "c"};
    if (form.ends_with(".7z")) std::swap(order[2], order[3]);  // libarchive writes those without contents last
    CHECK(names(path) == order);
    CHECK(read(path, {"b/1", "b/2", "c"}) == std::vector<std::string>{"one", large, "sea"});
    CHECK(read(path, {"c", "b/3", "b/2"}) == std::vector<std::string>{"sea", "", large});
    CHECK(has(fault(path, "d"), "no entry d in this archive"));
  }
}

TEST_CASE("7z archives that another program made: LZMA2, a packed table, names of any letters") {
  const Folder folder;
  for (const std::string made : {"7z", "7z-encoded"}) {
    const std::string bytes = read_file(tests::in_source_tree("/tests/fuzz/corpus/archive/" + made)).substr(1);
    const auto path = folder.write(made + ".7z", bytes);
    CHECK(names(path) == std::vector<std::string>{"b/2", "b/1", "c", "d\u00e9"});
    const std::string e = "d\u00e9";
    std::string expected;
    for (int i = 0; i < 20; ++i) expected += e;
    CHECK(read(path, {e, "c"}) == std::vector<std::string>{expected, std::string(20, 'c')});
  }
}

TEST_CASE("an archive is listed again only where it has changed") {
  const Folder folder;
  const auto path = pack(folder, "a.zip", {{"1", "x"}});
  const auto listed = archive_entries(path);
  CHECK(archive_entries(path) == listed);
  pack(folder, "a.zip", {{"1", "x"}, {"22", "y"}});
  CHECK(names(path) == std::vector<std::string>{"1", "22"});
}

TEST_CASE("names that lead out of an archive, links and encrypted entries are refused") {
  const Folder folder;
  for (const auto& form : forms) {
    for (const std::string bad : {"../x", "a/../../x", "/etc/passwd", "a/.."}) {
      const auto path = pack(folder, "bad-" + form, {{"x", "y"}, {bad, "y"}});
      CHECK(has(test::message<DataError>([&] { archive_entries(path); }), "'" + bad + "' leads out of the archive"));
      std::filesystem::remove(path);
    }
    const auto path = pack(folder, "dots-" + form, {{"a..b/..c", "y"}});
    CHECK(read(path, {"a..b/..c"}) == std::vector<std::string>{"y"});
    const auto link = pack(folder, "link-" + form, {{"x", "", "/etc/passwd"}, {"y", "why"}});
    CHECK(archive_entries(link)->front().kind == ArchiveEntry::Kind::other);
    CHECK(has(fault(link, "x"), "is a link or a device"));
    CHECK(read(link, {"y"}) == std::vector<std::string>{"why"});
  }
  const auto path = pack(folder, "secret.zip", {{"x", "y"}}, "password");
  CHECK(archive_entries(path)->front().kind == ArchiveEntry::Kind::encrypted);
  CHECK(has(fault(path, "x"), "its entry x is encrypted; unpack it with its password"));
}

TEST_CASE("what is cut short, broken or something else is said to be so") {
  const Folder folder;
  for (const auto& form : forms) {
    const std::string large = noise(300'000);
    const auto path = pack(folder, "cut-" + form, {{"1", large}, {"2", large}});
    cut(path, 0.7);
    CHECK(has(test::message<DataError>([&] { archive_entries(path); }), "cut short"));
    const auto other = folder.write("other-" + form, "This is no archive.\n");
    CHECK(has(test::message<DataError>([&] { archive_entries(other); }), other + ": "));
    CHECK(has(test::message<DataError>([&] { archive_entries(folder.path("none-" + form)); }), "No such file"));
  }
  auto path = pack(folder, "sum.zip", {{"1", noise(100'000)}});
  std::string bytes = read_file(path);
  bytes[50'000] = static_cast<char>(bytes[50'000] ^ 1);
  path = folder.write("changed.zip", bytes);
  CHECK(has(fault(path, "1"), "its entry 1 is broken or cut short"));
}

TEST_CASE("gzip: several members, zeros behind them, and what is broken") {
  const std::string text = noise(700'000);
  CHECK(unpacked(test::gzip(text)) == text);
  CHECK(unpacked(test::gzip("")) == "");
  CHECK(unpacked(test::gzip("one") + test::gzip("") + test::gzip("two") + std::string(512, '\0')) == "onetwo");
  const auto refused = [](const std::string& packed) { return test::message<DataError>([&] { unpacked(packed); }); };
  CHECK(has(refused(""), "x.gz: cannot be unpacked: it is empty"));
  CHECK(has(refused("plain text"), "x.gz: broken"));
  CHECK(has(refused(test::gzip("one") + "rest"), "broken"));
  std::string packed = test::gzip(text);
  CHECK(has(refused(packed.substr(0, packed.size() / 2)), "cut short"));
  CHECK(has(refused(packed.substr(0, packed.size() - 3)), "cut short"));
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // of the sum
  CHECK(has(refused(packed), "broken: incorrect data check"));
}

TEST_CASE("what unpacks to far more than it is, is refused before it fills anything") {
  const Folder folder;
  const std::string zeros(80 << 20, '\0');
  for (const auto& form : forms) {
    if (form.ends_with(".tar")) continue;
    const auto path = pack(folder, form, {{"x", zeros}});
    CHECK(std::filesystem::file_size(path) < 1'000'000);
    const auto text = fault(path, "x");
    CHECK(has(text, "not unpacked any further"));
    CHECK(has(text, "unpack it yourself into a folder below the data root"));
  }
  CHECK(has(test::message<DataError>([&] { unpacked(test::gzip(zeros)); }), "more than 200 times as much"));
  CHECK(unpacked(test::gzip(zeros.substr(0, 60 << 20))).size() == 60 << 20);  // small enough
}
