#include "atp/metric.h"

#include <cmath>

#include "data/scoring.h"
#include "tests/unit/data/fixture.h"

using namespace atp;

namespace {

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> result;
  for (const auto& item : list.items()) result.push_back(item.text());
  return result;
}

double score(const std::string& metric, const Predictions& predictions) {
  return test::plugins().make<Metric>(metric, Params())->score(predictions);
}

Predictions row_of(const Predictions& all, std::size_t row) {
  Predictions one;
  one.texts = {all.texts[row]};
  one.references = {all.references[row]};
  return one;
}

}  // namespace

TEST_CASE("classification scores are scikit-learn's") {
  const auto goldens = test::golden("metrics.json");
  for (const auto& golden : goldens.at("classification").items()) {
    Predictions predictions;
    predictions.labels = texts(golden.at("labels"));
    predictions.texts = texts(golden.at("predictions"));
    for (const auto& reference : texts(golden.at("references"))) predictions.references.push_back({reference});
    for (const auto& expected : golden.at("scores").members()) {
      CAPTURE(expected.first);
      CAPTURE(to_json(golden));
      CHECK(score(expected.first, predictions) == doctest::Approx(expected.second.number()).epsilon(1e-12));
    }
  }
}

TEST_CASE("exact match compares after SQuAD's normalisation, with the best of the references") {
  const auto golden = test::golden("metrics.json");
  Predictions predictions;
  predictions.texts = texts(golden.at("exact_match").at("predictions"));
  for (const auto& references : golden.at("exact_match").at("references").items()) {
    predictions.references.push_back(texts(references));
  }
  CHECK(score("exact_match", predictions) == doctest::Approx(golden.at("exact_match").at("score").number()));

  // Two texts match exactly where the plain Python normalisation makes them equal.
  const auto& answers = golden.at("answers").items();
  for (const auto& one : answers) {
    for (const auto& other : answers) {
      Predictions pair;
      pair.texts = {one.at("text").text()};
      pair.references = {{other.at("normalised").text()}};
      const bool equal = one.at("normalised").text() == other.at("normalised").text();
      CAPTURE(one.at("text").text());
      CAPTURE(other.at("normalised").text());
      CHECK(score("exact_match", pair) == (equal ? 100 : 0));
    }
  }
}

TEST_CASE("F1 over tokens is SQuAD's, with the best of the references") {
  const auto golden = test::golden("metrics.json").at("token_f1");
  Predictions all;
  all.texts = texts(golden.at("predictions"));
  for (const auto& references : golden.at("references").items()) all.references.push_back(texts(references));
  CHECK(score("token_f1", all) == doctest::Approx(golden.at("score").number()));
  for (std::size_t row = 0; row < all.texts.size(); ++row) {
    CAPTURE(all.texts[row]);
    CHECK(score("token_f1", row_of(all, row)) == doctest::Approx(golden.at("rows").items()[row].number()));
  }
}

TEST_CASE("MultiRC's scores: F1 over all answers, and questions with every answer right") {
  const auto goldens = test::golden("metrics.json").at("multirc");
  for (const auto& golden : goldens.items()) {
    Predictions predictions;
    predictions.labels = {"0", "1"};
    predictions.texts = texts(golden.at("predictions"));
    predictions.groups = texts(golden.at("groups"));
    for (const auto& reference : texts(golden.at("references"))) predictions.references.push_back({reference});
    CHECK(score("multirc_exact_match", predictions) == doctest::Approx(golden.at("exact_match").number()));
    CHECK(score("multirc_f1", predictions) == doctest::Approx(golden.at("f1").number()));
  }
  Predictions alone;
  alone.labels = {"0", "1"};
  alone.texts = {"1", "0", "1"};
  alone.references = {{"1"}, {"1"}, {"1"}};
  alone.groups = {"", "", ""};
  CHECK(score("multirc_exact_match", alone) == doctest::Approx(200.0 / 3));  // no groups: every row by itself
}

TEST_CASE("correlations are scipy's; what is no number counts as -1, what is undefined as 0") {
  const auto goldens = test::golden("metrics.json").at("correlations");
  for (const auto& golden : goldens.items()) {
    Predictions predictions;
    predictions.texts = texts(golden.at("predictions"));
    for (const auto& reference : texts(golden.at("references"))) predictions.references.push_back({reference});
    for (const auto& expected : golden.at("scores").members()) {
      CAPTURE(expected.first);
      CAPTURE(to_json(golden));
      CHECK(score(expected.first, predictions) == doctest::Approx(expected.second.number()).epsilon(1e-9));
    }
  }
  Predictions words;
  words.texts = {"1", "2"};
  words.references = {{"1"}, {"two"}};
  CHECK(test::has(test::message<DataError>([&] { score("pearson", words); }), "'two' of row 1 is no number"));
}

TEST_CASE("ROUGE is rouge-score's and BLEU sacreBLEU's") {
  const auto golden = test::golden("metrics.json").at("generation");
  Predictions all;
  all.texts = texts(golden.at("predictions"));
  for (const auto& references : golden.at("references").items()) all.references.push_back(texts(references));
  for (const auto& expected : golden.at("rouge").members()) {
    double sum = 0;
    for (std::size_t row = 0; row < all.texts.size(); ++row) {
      CAPTURE(expected.first);
      CAPTURE(all.texts[row]);
      CAPTURE(all.references[row].front());
      const double wanted = expected.second.items()[row].number();
      CHECK(score(expected.first, row_of(all, row)) == doctest::Approx(wanted).epsilon(1e-9));
      sum += wanted;
    }
    const double mean = sum / static_cast<double>(all.texts.size());
    CHECK(score(expected.first, all) == doctest::Approx(mean).epsilon(1e-9));
  }
  CHECK(score("bleu", all) == doctest::Approx(golden.at("bleu").number()).epsilon(1e-9));
  for (std::size_t row = 0; row < all.texts.size(); ++row) {
    CAPTURE(all.texts[row]);
    CAPTURE(all.references[row].front());
    CHECK(score("bleu", row_of(all, row)) ==
          doctest::Approx(golden.at("bleu_rows").items()[row].number()).epsilon(1e-9));
  }
}

TEST_CASE("no rows are 0, and what is undefined is 0") {
  Predictions none;
  none.labels = {"0", "1"};
  for (const char* metric :
       {"accuracy", "f1", "macro_f1", "matthews", "exact_match", "token_f1", "multirc_f1", "multirc_exact_match",
        "pearson", "spearman", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu"}) {
    CAPTURE(metric);
    CHECK(score(metric, none) == 0);
  }
  Predictions one = none;
  one.texts = {"1"};
  one.references = {{"1"}};
  CHECK(score("matthews", one) == 0);
}

TEST_CASE("a metric that cannot work with a task says so before anything is scored") {
  const auto make = [](const char* metric, std::vector<std::string> labels) {
    return Scorer(test::plugins(), {metric}, std::move(labels), {{"a"}}, {});
  };
  CHECK(test::has(test::message<RecipeError>([&] { make("f1", {}); }), "metric 'f1' needs a label set"));
  CHECK(test::has(test::message<RecipeError>([&] {
                    make("f1", {"a", "b", "c"});
                  }),
                  "metric 'f1' needs a set of two labels, and this task has 3"));
  CHECK(test::has(test::message<RecipeError>([&] { make("matthews", {}); }), "needs a label set"));
  CHECK(test::has(test::message<PluginError>([&] { make("acuracy", {}); }), "acuracy"));
}

TEST_CASE("predictions are stripped, and their number is that of the rows") {
  const Scorer scorer(test::plugins(), {"accuracy", "f1"}, {"0", "1"}, {{"1"}, {"0"}, {"1"}}, {});
  const Scores scores = scorer.score({" 1\n",
                                      "\xc2\xa0"
                                      "0\xe3\x80\x80",
                                      "\t"});
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].first == "accuracy");
  CHECK(scores[0].second == doctest::Approx(200.0 / 3));
  CHECK(scores[1].second == doctest::Approx(200.0 / 3));  // one hit, one miss: the empty one counts as 0
  CHECK(test::has(test::message<DataError>([&] { scorer.score({"1"}); }), "1 predictions for 3 rows"));
}
