#include "data/tokenizer.h"

#include <algorithm>

#include "atp/error.h"
#include "atp/task.h"
#include "data/tokenised.h"
#include "data/word_table.h"
#include "tests/places.h"
#include "tests/unit/data/fixture.h"

using namespace atp;
using test::has;

namespace {

std::vector<std::int32_t> numbers(const Value& list) {
  std::vector<std::int32_t> result;
  for (const auto& item : list.items()) result.push_back(static_cast<std::int32_t>(item.integer()));
  return result;
}

std::vector<std::int32_t> whole(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, 1 << 20).ids;
}

std::shared_ptr<const Tokenizer> own() {
  static const auto tokenizer = Tokenizer::open(tests::in_source_tree("/core/share/tokenizer/spiece.model"));
  return tokenizer;
}

std::string repeated(const std::string& text, std::int64_t times) {
  std::string result;
  for (std::int64_t i = 0; i < times; ++i) result += text;
  return result;
}

std::vector<std::string> lines(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    result.push_back(line);
  }
  return result;
}

std::string field(const std::string& line, std::int64_t number) {
  std::size_t start = 0;
  for (; number > 0; --number) start = line.find('\t', start) + 1;
  return line.substr(start, line.find('\t', start) - start);
}

}  // namespace

TEST_CASE("ids of awkward texts are transformers' with T5's real tokenizer") {
  const auto folder = test::shared("fixtures/t5_tokenizer");
  if (folder.empty()) return;
  const auto tokenizer = Tokenizer::open(folder);
  CHECK(tokenizer->size() == 32000);
  CHECK(tokenizer->vocabulary() == 32128);
  CHECK(tokenizer->piece(32099) == "<extra_id_0>");
  CHECK(tokenizer->piece(32000) == "<extra_id_99>");
  CHECK(tokenizer->frequent_pieces().size() == 4997);
  const auto goldens = test::golden("tokenizer.json");
  for (const auto& golden : goldens.at("awkward").items()) {
    CAPTURE(golden.at("text").text());
    const auto ids = whole(*tokenizer, repeated(golden.at("text").text(), golden.at("times").integer()));
    if (!golden.at("ids").items().empty()) CHECK(ids == numbers(golden.at("ids")));
    CHECK(test::fnv(ids) == golden.at("hash").text());
  }
}

// Where atp differs from transformers on purpose: special words in a text are characters, as SentencePiece, T5's own
// tokenizer, has them; data must not be able to end a text. And of two cuts into the same pieces in another order,
// whose scores differ by rounding alone, SentencePiece's choice counts.
TEST_CASE("special words in a text are characters") {
  const auto folder = test::shared("fixtures/t5_tokenizer");
  if (folder.empty()) return;
  const auto tokenizer = Tokenizer::open(folder);
  const auto goldens = test::golden("tokenizer.json");
  for (const auto& golden : goldens.at("special").items()) {
    const auto ids = whole(*tokenizer, golden.at("text").text());
    CHECK(ids == numbers(golden.at("ids")));
    CHECK(ids != numbers(golden.at("transformers")));
    CHECK(std::count(ids.begin(), ids.end(), 1) == 1);
  }
  for (const auto& golden : goldens.at("ties").items()) {
    auto ids = whole(*tokenizer, golden.at("text").text()), theirs = numbers(golden.at("transformers"));
    std::sort(ids.begin(), ids.end());
    std::sort(theirs.begin(), theirs.end());
    CHECK(ids == theirs);
  }
}

TEST_CASE("ids of 2,000 real sentences are transformers'") {
  const auto folder = test::shared("fixtures/t5_tokenizer");
  if (folder.empty()) return;
  const auto tokenizer = Tokenizer::open(folder);
  const auto goldens = test::golden("tokenizer.json");
  std::size_t compared = 0;
  for (const auto& golden : goldens.at("real").items()) {
    const auto path = test::shared(golden.at("file").text());
    if (path.empty()) return;
    const auto rows = lines(path);
    const std::string& hashes = golden.at("hashes").text();
    for (std::size_t i = 0; i < hashes.size() / 16; ++i) {
      const auto line = static_cast<std::size_t>(golden.at("first").integer()) +
                        i * static_cast<std::size_t>(golden.at("step").integer());
      CAPTURE(path);
      CAPTURE(line);
      const auto ids = whole(*tokenizer, field(rows.at(line), golden.at("column").integer()));
      CHECK(test::fnv(ids) == hashes.substr(16 * i, 16));
      ++compared;
    }
  }
  CHECK(compared == 2000);
}

TEST_CASE("decoding leaves out special ids, sentinels and ids that no piece has") {
  const auto folder = test::shared("fixtures/t5_tokenizer");
  if (folder.empty()) return;
  const auto tokenizer = Tokenizer::open(folder);
  const auto goldens = test::golden("tokenizer.json");
  for (const auto& golden : goldens.at("decoded").items()) {
    CHECK(tokenizer->decode(numbers(golden.at("ids"))) == golden.at("text").text());
  }
  CHECK(tokenizer->decode({8, 32127, -1, 1 << 30, 1774}) == "the surface");
  CHECK(tokenizer->can_write("the surface,  twice"));
  CHECK_FALSE(
      tokenizer->can_write("ma\xc3\xb1"
                           "ana"));
}

TEST_CASE("atp's own tokenizer: T5's special ids, and every text comes back") {
  CHECK(own()->size() == 1024);
  CHECK(own()->vocabulary() == 1152);
  CHECK(own()->piece(0) == "<pad>");
  CHECK(own()->piece(1) == "</s>");
  CHECK(own()->piece(2) == "<unk>");
  const auto goldens = test::golden("tokenizer.json");
  for (const auto& golden : goldens.at("own").items()) {
    const std::string& text = golden.at("text").text();
    CAPTURE(text);
    const auto ids = whole(*own(), text);
    CHECK(ids == numbers(golden.at("ids")));
    CHECK(own()->decode(ids) == golden.at("decoded").text());
    CHECK(std::count(ids.begin(), ids.end(), 2) == 0);
    const bool other_space = text.starts_with("\xe2\x96\x81") || text.starts_with("a\xc2\xa0");  // read as a space
    CHECK(own()->can_write(text) == !other_space);
  }
  for (const auto id : own()->frequent_pieces()) CHECK(own()->piece(id).substr(0, 3) != "<0x");
  CHECK(own()->frequent_pieces().size() == 1024 - 3 - 256);
}

TEST_CASE("truncation keeps the end of the text") {
  const auto all = whole(*own(), "a good day to see a film");
  for (std::int64_t length = 1; length <= static_cast<std::int64_t>(all.size()) + 1; ++length) {
    const auto cut = own()->encode("a good day to see a film", length);
    CHECK(cut.truncated == (length < static_cast<std::int64_t>(all.size())));
    CHECK(static_cast<std::int64_t>(cut.ids.size()) == std::min(length, static_cast<std::int64_t>(all.size())));
    CHECK(cut.ids.back() == 1);
    CHECK(std::equal(cut.ids.begin(), cut.ids.end() - 1, all.begin()));
  }
}

TEST_CASE("a tokenizer that is not there, cut short, or something else is an error that says so") {
  const test::Folder folder;
  const auto fault = [](const std::string& path) { return test::message<FormatError>([&] { Tokenizer::open(path); }); };
  CHECK(has(fault(folder.path("none.model")), "none.model: no such file; expected a SentencePiece model"));
  CHECK(has(fault(folder.path()), "the folder holds no spiece.model"));
  folder.write("hub/tokenizer.json", "{}");
  CHECK(has(fault(folder.path("hub")), "holds tokenizer.json but no spiece.model"));
  CHECK(has(fault(folder.write("empty.model", "")), "empty.model: the file is empty"));
  CHECK(has(fault(folder.write("text.model", "This is a text, not a model.\n")), "not a SentencePiece model"));
  CHECK(has(fault(folder.write("zeros.model", std::string(1000, '\0'))), "not a SentencePiece model"));
  const std::string model = read_file(own()->path());
  for (std::size_t size = 17; size < model.size(); size += 977) {
    CAPTURE(size);
    CHECK(has(fault(folder.write("cut.model", model.substr(0, size))), "is cut short at " + std::to_string(size)));
  }
  // Cut between two pieces the file is still a whole protobuf message.
  const std::size_t second_piece = 2 + static_cast<unsigned char>(model[1]);
  CHECK(has(fault(folder.write("cut.model", model.substr(0, second_piece))), "is cut short"));
}

TEST_CASE("the target's length is the longest label's, else the recipe's, never a guess") {
  TextTask task;
  task.name = "t";
  task.labels = {{"a", "0"}, {"b", "entailment or not"}};
  const auto longest = own()->encode("entailment or not").size() + 1;
  CHECK(target_length(task, *own(), {}) == static_cast<std::int64_t>(longest));
  CHECK(target_length(task, *own(), 3) == static_cast<std::int64_t>(longest));
  task.labels.clear();
  CHECK(target_length(task, *own(), 32) == 32);
  CHECK(has(test::message<RecipeError>([&] { target_length(task, *own(), {}); }), "target_length"));
}

namespace {

void check_table(const Tokenizer& by, const std::vector<std::string>& texts, std::int64_t length) {
  WordTable table(by);
  for (const auto& text : texts) {
    const auto mine = table.encode(text, length), whole = by.encode(text, length);
    CAPTURE(text);
    CHECK(mine.ids == whole.ids);
    CHECK(mine.truncated == whole.truncated);
  }
}

}  // namespace

TEST_CASE("a text's ids are its words' ids, looked up; what is not plain is left to the tokenizer") {
  const auto own = Tokenizer::open(tests::in_source_tree("/core/share/tokenizer/spiece.model"));
  REQUIRE(own->words_stand_alone());
  const std::vector<std::string> texts{"",
                                       " ",
                                       "the",
                                       "the cat  sat on  the mat ",
                                       " the the",
                                       "a\tb",
                                       "a\nb",
                                       "caf\xc3\xa9 au lait",
                                       "44 444 4444 44444",
                                       "<unk> </s> \xe2\x96\x81x",
                                       std::string(100, 'a'),
                                       "a\xc2\xa0"
                                       "b",
                                       "(SSSIs), (SSSIs),",
                                       "x",
                                       "~^\\{}"};
  for (const std::int64_t length : {1, 2, 3, 5, 1000}) check_table(*own, texts, length);
  WordTable table(*own);
  table.encode("the cat sat", 100);
  CHECK(table.looked_up() == 1);
  table.encode("caf\xc3\xa9", 100);
  table.encode(std::string(100, 'a'), 100);
  CHECK(table.left_over() == 2);
  table.encode("the cat caf\xc3\xa9", 2);  // cut before the word that is not plain
  CHECK(table.looked_up() == 2);
}

// A segmentation that rounding decides: 4 44 or 44 4, after texts of any length.
TEST_CASE("words whose segmentation depends on what stands before them are not looked up") {
  const auto model = test::shared("fixtures/t5_tokenizer/spiece.model");
  if (model.empty()) return;
  const auto t5 = Tokenizer::open(model);
  CHECK(t5->word("13,444").margin < 1e-4F);
  CHECK(t5->word("the").margin > 1);
  std::string before;
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    texts.push_back(before + "13,444 (SSSIs), 4444");
    before += i % 3 ? "of course " : "apartments, ";
  }
  check_table(*t5, texts, 100000);
}

TEST_CASE("the table's ids are the tokenizer's on real texts") {
  const auto model = test::shared("fixtures/t5_tokenizer/spiece.model"), root = test::shared("data/glue");
  if (model.empty() || root.empty()) return;
  const auto t5 = Tokenizer::open(model);
  std::vector<std::string> texts;
  for (const std::string file : {"QNLI/dev.tsv", "RTE/train.tsv", "CoLA/train.tsv", "SST-2/dev.tsv"}) {
    const std::string text = read_file(root + "/" + file);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string line = text.substr(at, end - at);
      std::replace(line.begin(), line.end(), '\t', ' ');
      texts.push_back(std::move(line));
      at = end + 1;
    }
  }
  REQUIRE(texts.size() > 10000);
  check_table(*t5, texts, 256);
}
