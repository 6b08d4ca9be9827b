#include "pipeline/mistakes.h"

#include <doctest/doctest.h>

using namespace atp;

namespace {

std::string text_of(Mistakes& mistakes) {
  try {
    mistakes.throw_if_any();
  } catch (const RecipeError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a mistake of all trials is said once, one of some with their names") {
  Mistakes mistakes;
  const Origin place{"recipe.yaml", 7, 3}, other{"recipe.yaml", 9, 5};
  for (const std::string rate : {"rate=1", "rate=2", "rate=3", "rate=4", "rate=5"}) {
    mistakes.enter_trials({rate});
    mistakes.add(place, "no such file");
    if (rate != "rate=1") mistakes.add(other, "too fast");
    if (rate == "rate=2") mistakes.add(other, "too odd");
  }
  CHECK(text_of(mistakes) ==
        "recipe.yaml:7:3: no such file\n"
        "recipe.yaml:9:5: too fast (trials rate=2; rate=3; rate=4 and 1 more)\n"
        "recipe.yaml:9:5: too odd (trial rate=2)");
  mistakes.enter_trials({"rate=1", "rate=2", "rate=3", "rate=4", "rate=5"});  // a step that they share
  mistakes.add(place, "empty");
  CHECK(text_of(mistakes) == "recipe.yaml:7:3: empty");
  CHECK(text_of(mistakes).empty());
}

TEST_CASE("an error of another file says who wanted that file, one of the recipe's own place stands alone") {
  Mistakes mistakes;
  mistakes.enter_trials({""});
  const Origin place{"recipe.yaml", 7, 3};
  for (const Origin& one : {place, Origin{"recipe.yaml", 9, 3}})
    mistakes.collect(one, [] { throw FormatError(Origin{"prompt.pt", 0, 0}, "is cut short"); });
  mistakes.collect(place, [] { throw RecipeError(Origin{"recipe.yaml", 8, 1}, "no such task"); });
  mistakes.collect(place, [] { throw Error("no space"); });
  mistakes.collect({}, [] { throw Error("no engine"); });
  CHECK(text_of(mistakes) ==
        "prompt.pt: is cut short\n  (wanted by recipe.yaml:7:3; recipe.yaml:9:3)\n"
        "recipe.yaml:8:1: no such task\nno engine\nrecipe.yaml:7:3: no space");
}
