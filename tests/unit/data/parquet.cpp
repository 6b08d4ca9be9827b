#include "atp/reader.h"
#include "data/data_files.h"
#include "tests/places.h"
#include "tests/unit/data/packing.h"

using namespace atp;
using test::Folder;
using test::has;
using test::pack;

namespace {

// The reader plugin of this build; nullptr, with a word, where there is none.
std::shared_ptr<const RowReader> reader() {
  const std::string path = tests::in_build_tree("/lib/atp/plugins/reader/libparquet.so");
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: built without Arrow (tools/setup --parquet brings it)");
    return nullptr;
  }
  static const Registry registry = [&] {
    Registry loaded;
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE_MESSAGE(handle, dlerror());
    static_cast<const PluginDescriptor*>(dlsym(handle, "atp_plugin"))->register_plugin(loaded);
    return loaded;
  }();
  return registry.make<RowReader>("parquet", Params());
}

const std::string golden_file = tests::in_source_tree("/tests/goldens/parquet/rows.parquet");

TextTask task() {
  TextTask result;
  result.name = "reviews";
  result.files = hub("shop/r", {{"sentence", "text"}});
  return result;
}

std::vector<Row> rows(const Folder& folder, const ReaderOf& reader_of) {
  std::vector<Row> result;
  visit_rows(find_files(task(), "train", folder.path()), {[&](Row row) { result.push_back(std::move(row)); }},
             reader_of);
  return result;
}

}  // namespace

TEST_CASE("Parquet: every type, nested values and nulls, as pyarrow reads them") {
  const auto parquet = reader();
  if (!parquet) return;
  const Folder folder;
  folder.write("shop/r/train-00000-of-00002.parquet", read_file(golden_file));
  folder.write("shop/r/train-00001-of-00002.parquet", read_file(golden_file));
  const auto got = rows(folder, [&](const std::string& form) {
    CHECK(form == "parquet");
    return parquet;
  });
  const auto expected = read_rows(Files::Format::jsonl, tests::in_source_tree("/tests/goldens/parquet/rows.jsonl"));
  REQUIRE(got.size() == 2 * expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Value& want = expected[i % expected.size()].fields();
    CHECK(got[i].fields().members().size() == want.members().size());
    for (const auto& member : want.members()) {
      const std::string& key = member.first;
      CAPTURE(key);
      const Value* found = got[i].fields().find(key == "sentence" ? "text" : key);
      REQUIRE(found);
      CHECK(*found == member.second);
    }
    CHECK(got[i].origin().line == static_cast<int>(i % expected.size()) + 1);
  }
  CHECK(got[0].origin().file == folder.path("shop/r/train-00000-of-00002.parquet"));
}

TEST_CASE("Parquet: inside an archive, broken, and without its reader") {
  const Folder folder;
  folder.write("shop/r/train-0.parquet", "PAR1 is not all of it");
  CHECK(has(test::message<DataError>([&] { rows(folder, {}); }),
            "train-0.parquet: a Parquet file, and this atp was built without its reader: tools/setup --parquet"));
  const auto parquet = reader();
  if (!parquet) return;
  const auto reader_of = [&](const std::string&) { return parquet; };
  CHECK(has(test::message<DataError>([&] { rows(folder, reader_of); }),
            "train-0.parquet: no Parquet file, or a broken one: "));
  const std::string whole = read_file(golden_file);
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{3}}) {
    folder.write("shop/r/train-0.parquet", whole.substr(0, size));
    CHECK_THROWS_AS(rows(folder, reader_of), DataError);
  }
  std::filesystem::remove_all(folder.path("shop"));
  pack(folder, "shop.zip", {{"shop/r/train-0.parquet", whole}});
  const auto got = rows(folder, reader_of);
  REQUIRE(got.size() == 4);
  CHECK(got[3]["text"] == "d");
  CHECK(got[3].origin().text() == folder.path("shop.zip") + ": shop/r/train-0.parquet:4");
}
