#include "tasks/generation/sha1.h"
#include "tests/unit/data/packing.h"
#include "tests/unit/tasks/examples.h"

using namespace atp;
using test::has;
using test::pack;

TEST_CASE("SHA-1: RFC 3174's texts, and lengths around a block's end as Python's hashlib has them") {
  const auto sha1 = [](const std::string& text) { return generation::sha1(text); };
  CHECK(sha1("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(sha1("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(sha1(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  CHECK(sha1(std::string(55, 'a')) == "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  CHECK(sha1(std::string(56, 'a')) == "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  CHECK(sha1(std::string(63, 'a')) == "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
  CHECK(sha1(std::string(64, 'a')) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  CHECK(sha1(std::string(119, 'a')) == "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56");
  CHECK(sha1(std::string(120, 'a')) == "f34c1488385346a55709ba056ddd08280dd4c6d6");
}

namespace {

std::vector<std::string> texts(const test::Folder& folder, const std::string& task, const std::string& split) {
  std::vector<std::string> result;
  const auto data = test::task_data(task, folder.path());
  for (const auto& example : data.split(split)) result.push_back(example.source + " -> " + example.target);
  return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "CNN / Daily Mail out of its two archives, in the order of the lists; a story without an article is left out") {
  const std::string cnn = "http://www.cnn.com/a", mail = "http://www.dailymail.co.uk/b", empty = "http://www.cnn.com/c";
  const auto name = [](const std::string& url) { return generation::sha1(url) + ".story"; };
  for (const std::string below : {"", "cnn_dailymail/", "generation/"}) {
    for (const std::string ending : {".tgz", ".zip"}) {
      const test::Folder folder;
      folder.write(below + "all_train.txt", mail + "\n" + empty + "\n" + cnn + "\n");
      folder.write(below + "url_lists/all_val.txt", cnn + "\n" + empty + "\n");
      pack(folder, below + "cnn_stories" + ending,
           {{"./cnn/"},
            {"./cnn/stories/" + name(empty), "\n\n@highlight\n\nNothing\n"},
            {"./cnn/stories/" + name(cnn),
             "(CNN) -- Rain\n\nfell.\n\n@highlight\n\nIt rained\n\n@highlight\n\nAgain!"}});
      pack(folder, below + "dailymail_stories" + ending,
           {{"dailymail/stories/" + name(mail), "Ann sang.\n\n@highlight\n\nA song\n"},
            {"dailymail/stories/x.story", ""}});
      const std::string rain = "cnn_dailymail summarize: (CNN) -- Rain . fell. -> It rained .\nAgain!";
      CHECK(texts(folder, "cnn_dailymail", "train") == Texts{"cnn_dailymail summarize: Ann sang. -> A song .", rain});
      CHECK(texts(folder, "cnn_dailymail", "validation") == Texts{rain});
      const auto text = test::message<DataError>([&] { texts(folder, "cnn_dailymail", "test"); });
      CHECK(has(text, "all_test.txt"));
      CHECK(has(text, "cnn_stories"));
      CHECK(has(text, "cs.nyu.edu/~kcho/DMQA"));
    }
  }
}

TEST_CASE("XSum out of its archive; what is no article of the BBC is a bad row") {
  const std::string good =
      "[SN]URL[SN]\nu\n\n[SN]TITLE[SN]\nt\n\n[SN]FIRST-SENTENCE[SN]\nIt rained.\n\n[SN]RESTBODY[SN]\nAll day.\n";
  for (const std::string below : {"", "xsum/"}) {
    const test::Folder folder;
    folder.write(below + "XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json",
                 R"({"test": ["1"], "train": ["3", "1"], "validation": ["2"]})");
    pack(folder, below + "XSUM-EMNLP18-Summary-Data-Original.tar.gz",
         {{"bbc-summary-data/1.summary", good},
          {"bbc-summary-data/2.summary", ""},
          {"bbc-summary-data/3.summary", good}});
    CHECK(texts(folder, "xsum", "train") == Texts(2, "xsum summarize: All day. -> It rained."));
    CHECK(texts(folder, "xsum", "test").size() == 1);
    const auto text = test::message<DataError>([&] { texts(folder, "xsum", "validation"); });
    CHECK(has(text, "5-5.json: validation:1: "));
    CHECK(has(text, "bbc-summary-data/2.summary: no article of the BBC: expected the sections [SN]FIRST-SENTENCE[SN]"));
  }
}

TEST_CASE("SAMSum out of its 7z, unopened") {
  const std::string rows = R"([{"id": "1", "summary": "Ann sang.", "dialogue": "Ann: la\r\nBob: oh"}])";
  for (const std::string archive :
       {"corpus.7z", "samsum-corpus.7z", "samsum/corpus.7z", "samsum.7z", "generation/corpus.7z"}) {
    for (const std::string inside : {"", "corpus/"}) {
      CAPTURE(archive);
      CAPTURE(inside);
      const test::Folder folder;
      pack(folder, archive, {{inside + "val.json", rows}, {inside + "test.json", "[]"}, {inside + "train.json", rows}});
      if (archive == "samsum.7z" && !inside.empty()) continue;  // who made that?
      CHECK(texts(folder, "samsum", "train") == Texts{"samsum summarize: Ann: la\r\nBob: oh -> Ann sang."});
      CHECK(texts(folder, "samsum", "validation").size() == 1);
    }
  }
  const test::Folder folder;
  folder.write("corpus.7z", "This is no archive.");
  CHECK(has(test::message<DataError>([&] { texts(folder, "samsum", "train"); }), "corpus.7z: cannot be read: "));
}
