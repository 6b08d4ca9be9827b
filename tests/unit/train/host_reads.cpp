// A training update may not wait for its device: nothing that it computes is read by the host, but the loss and the
// norm that the metrics log reads later. On a CPU such reads cost nothing and are seen as calls of these operators.
#include <ATen/ops/equal.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones.h>
#include <ATen/record_function.h>

#include <mutex>
#include <set>

#include "tests/unit/train/experiment.h"
#include "train/trainer.h"

namespace {

// Notes every read of a tensor by the host while it lives, in whichever thread.
class HostReads {
 public:
  HostReads() {
    names_.clear();
    handle_ = at::addGlobalCallback(
        at::RecordFunctionCallback(&begin, &end).scopes({at::RecordScope::FUNCTION}).needsInputs(true));
  }
  ~HostReads() { at::removeCallback(handle_); }
  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;

  static std::string names() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& name : names_) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

 private:
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    static const std::set<std::string> reads{
        "aten::item",     "aten::_local_scalar_dense", "aten::is_nonzero",        "aten::equal",
        "aten::nonzero",  "aten::nonzero_numpy",       "aten::argwhere",          "aten::masked_select",
        "aten::_unique2", "aten::unique_dim",          "aten::unique_consecutive"};
    const std::string name = function.name();
    // `x.cpu()` of a tensor that is there already is a `to` that says a device; operators use such ones among
    // themselves.
    const auto inputs = function.inputs();
    const bool says_device = std::any_of(inputs.begin(), inputs.end(), [](const auto& one) { return one.isDevice(); });
    const std::lock_guard lock(mutex_);
    if (reads.count(name) || (depth_ == 0 && name == "aten::to" && says_device)) names_.push_back(name);
    ++depth_;
    return nullptr;
  }
  static void end(const at::RecordFunction&, at::ObserverContext*) { --depth_; }

  static inline thread_local int depth_ = 0;  // operators in progress
  static inline std::mutex mutex_;
  static inline std::vector<std::string> names_;
  at::CallbackHandle handle_ = 0;
};

// A random T5 of the tiny shape.
std::shared_ptr<atp::Backbone> tiny_t5() {
  atp::BackboneRequest request;
  request.checkpoint.random_shape = "tiny";
  request.checkpoint.vocabulary = 64;
  return all_plugins().make<atp::Backbone>("t5", request, checked("backbone", "t5"));
}

}  // namespace

TEST_CASE("what reads a tensor on the host is seen") {
  const auto tensor = at::ones({2});
  const auto seen = [](const std::function<void()>& work) {
    const HostReads reads;
    work();
    return reads.names();
  };
  CHECK(seen([&] { static_cast<void>(tensor[0].item<float>()); }) == "aten::item, aten::_local_scalar_dense");
  CHECK(seen([&] { static_cast<void>(tensor.cpu()); }) == "aten::to");
  CHECK(seen([&] { static_cast<void>(at::equal(tensor, tensor)); }) == "aten::equal");
  CHECK(seen([&] { static_cast<void>(at::nonzero(tensor)); }) == "aten::nonzero");
  CHECK(seen([&] { static_cast<void>(tensor.add(1).to(at::kDouble)); }) == "");
}

TEST_CASE("a training update reads nothing on the host, dropout and accumulation included") {
  for (const auto* method : {"prompt_tuning", "attempt"})
    for (const auto* combiner : {"attempt", "token_level", "linear", "dot", "smop", "no_attention"}) {
      if (std::string(method) == "prompt_tuning" && std::string(combiner) != "attempt") continue;
      CAPTURE(method);
      CAPTURE(combiner);
      Choices choices;
      choices.method = method;
      choices.combiner = combiner;
      choices.tasks = {"one", "two"};
      choices.precision = at::kFloat;
      atp::Model model;
      model.backbone = tiny_t5();
      model.method = make_method(model.backbone, choices);
      model.method->initialise(first_values(*model.backbone, choices));
      model.dropout = 0.1;
      const atp::TrainSettings settings{.learning_rate = 0.3,
                                        .weight_decay = 1e-2,
                                        .warmup_updates = 2,
                                        .batch_size = 6,
                                        .accumulation = 2,
                                        .updates = 8};
      atp::Trainer trainer(model, {made_split("one", 0, 9), made_split("two", 1, 7)}, settings, 11);
      for (int i = 0; i < 2; ++i) trainer.step();
      while (!trainer.finished()) {
        const HostReads reads;
        trainer.step();
        CHECK(reads.names() == "");
      }
    }
}
