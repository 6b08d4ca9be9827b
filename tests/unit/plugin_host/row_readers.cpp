#include "plugin_host/row_readers.h"

#include <doctest/doctest.h>

using namespace atp;

namespace {

struct OneRow final : RowReader {
  void read(const std::string&, const std::string&, const std::function<void(Value)>& row) const override {
    row(Value::map());
  }
};

// Offers a reader of "grid" files, which is registered when it is first looked for.
struct Offering final : Catalogue {
  const Registry::Entry* find(const std::string& kind, const std::string& name) override {
    if (kind != "reader" || name != "grid") return nullptr;
    if (!registry.find(kind, name)) {
      registry.add(Offer<RowReader>{"grid", "", {}, [](const Params&) { return std::make_shared<OneRow>(); }});
    }
    return registry.find(kind, name);
  }
  std::vector<std::string> names(const std::string&) override { return {"grid"}; }

  Registry registry;
};

}  // namespace

TEST_CASE("a reader plugin is loaded when its form is read; a form without one has no reader") {
  Offering plugins;
  const ReaderOf reader_of = row_readers(plugins, plugins.registry);
  CHECK(plugins.registry.entries().empty());
  CHECK(!reader_of("parquet"));
  const auto reader = reader_of("grid");
  REQUIRE(reader);
  int rows = 0;
  reader->read("", "", [&](const Value&) { ++rows; });
  CHECK(rows == 1);
}
