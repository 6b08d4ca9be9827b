#include "train/state.h"

#include "tests/unit/train/experiment.h"

namespace {

atp::TrainingState some_state() {
  atp::TrainingState state{
      .identity = "abc", .device = "cpu", .threads = 2, .done = 17, .evaluated = 10, .without_better = 1};
  state.best = {.update = 10, .epoch = 10.0 / 3, .score = 0.1, .scores = {{"one", {{"accuracy", 0.1}, {"f1", 1e-17}}}}};
  state.tensors["value/prompt"] = at::arange(6, at::kFloat).view({2, 3});
  state.tensors["first_moment/prompt"] = at::arange(6, at::kDouble).view({2, 3}).t();  // strides of its own
  return state;
}

void overwrite(const std::string& path, std::size_t place, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(place));
  file.put(byte);
}

}  // namespace

TEST_CASE("a state comes back as it was saved") {
  const Folder folder;
  CHECK_FALSE(atp::load_state(folder.path(), "abc"));
  std::ofstream(folder / "metrics.jsonl") << "12345";
  auto saved = some_state();
  saved.metrics_length = 5;
  atp::save_state(folder.path(), saved);
  const auto state = atp::load_state(folder.path(), "abc");
  REQUIRE(state);
  CHECK(state->device == "cpu");
  CHECK(state->threads == 2);
  CHECK(state->done == 17);
  CHECK(state->evaluated == 10);
  CHECK(state->without_better == 1);
  CHECK(state->metrics_length == 5);
  REQUIRE(state->best);
  CHECK(state->best->update == 10);
  CHECK(state->best->epoch == 10.0 / 3);
  CHECK(state->best->score == 0.1);
  CHECK(state->best->scores == saved.best->scores);
  REQUIRE(state->tensors.size() == 2);
  for (const auto& [name, tensor] : saved.tensors) CHECK(state->tensors.at(name).equal(tensor));
}

TEST_CASE("another step's state is refused") {
  const Folder folder;
  std::ofstream(folder / "metrics.jsonl") << "";
  atp::save_state(folder.path(), some_state());
  CHECK(contains(message_of([&] { atp::load_state(folder.path(), "xyz"); }),
                 "is the state of another step (abc; expected xyz)"));
}

TEST_CASE("a damaged state is no state: one bit, a cut, a metrics file that is too short") {
  const Folder folder;
  const auto path = folder / "state/state.safetensors";
  std::ofstream(folder / "metrics.jsonl") << "";
  atp::save_state(folder.path(), some_state());
  const auto good = contents(path);
  REQUIRE(atp::load_state(folder.path(), "abc"));
  overwrite(path, good.size() - 3, static_cast<char>(good[good.size() - 3] ^ 1));
  CHECK_FALSE(atp::load_state(folder.path(), "abc"));
  for (const auto size : {std::size_t{0}, std::size_t{7}, std::size_t{40}, good.size() - 1}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << good.substr(0, size);
    CHECK_FALSE(atp::load_state(folder.path(), "abc"));
  }
  auto longer = some_state();
  longer.metrics_length = 1;
  atp::save_state(folder.path(), longer);
  CHECK_FALSE(atp::load_state(folder.path(), "abc"));
}
