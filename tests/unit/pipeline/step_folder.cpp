#include "pipeline/step_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "atp/error.h"
#include "io/durable_file.h"
#include "temporary_folder.h"

using atp::StepFolder;
using atp::StepLock;
using atp::Value;

namespace fs = std::filesystem;

TEST_CASE("a step is finished when its result is there, and its state goes with that") {
  const TemporaryFolder out;
  const StepFolder step(out.path, "abc");
  step.create();
  CHECK_FALSE(step.finished());
  CHECK_FALSE(step.resumable());
  out.write("steps/abc/state/position", "3");
  CHECK(step.resumable());
  step.remember_failure("out of paper\n");
  CHECK(step.failure() == "out of paper\n");
  Value result = Value::map();
  result.set("scores", Value::map());
  step.finish(result);
  CHECK(step.finished());
  CHECK_FALSE(step.resumable());
  CHECK(step.failure().empty());
  CHECK_FALSE(fs::exists(out / "steps/abc/state"));
  CHECK(step.result() == result);
}

TEST_CASE("a step made afresh leaves the finished one until it takes its place") {
  const TemporaryFolder out;
  const StepFolder step(out.path, "abc");
  step.create();
  Value old = Value::map(), young = Value::map();
  old.set("number", 1);
  young.set("number", 2);
  step.finish(old);
  out.write("steps/abc.fresh/left", "by a killed process");
  const StepFolder fresh = step.begin_afresh("plan");
  CHECK_FALSE(fs::exists(out / "steps/abc.fresh/left"));
  fresh.finish(young);
  CHECK(step.result() == old);
  CHECK_FALSE(step.is_anew("plan"));
  fresh.take_place_of(step);
  CHECK(step.result() == young);
  CHECK_FALSE(fs::exists(out / "steps/abc.fresh"));
  CHECK(step.is_anew("plan"));
  CHECK_FALSE(step.is_anew("another plan"));
  step.forget_afresh();
  CHECK_FALSE(step.has_afresh());
}

TEST_CASE("a step that was begun afresh goes on for the plan that began it, and starts over for another") {
  const TemporaryFolder out;
  const StepFolder step(out.path, "abc");
  step.create();
  step.begin_afresh("plan");
  out.write("steps/abc.fresh/state/half", "done");
  CHECK(step.is_begun_anew("plan"));
  CHECK(step.begin_afresh("plan").has_state());
  CHECK_FALSE(step.is_begun_anew("another plan"));
  CHECK_FALSE(step.begin_afresh("another plan").has_state());
  CHECK(step.has_afresh());
  step.forget_afresh();
  CHECK_FALSE(fs::exists(out / "steps/abc.fresh"));
}

TEST_CASE("one process at a time holds a step's lock, and it goes with the process") {
  const TemporaryFolder out;
  {
    const auto lock = StepLock::try_take(out.path, "abc");
    REQUIRE(lock);
    CHECK_FALSE(StepLock::try_take(out.path, "abc"));
    CHECK(StepLock::try_take(out.path, "other"));
  }
  CHECK(StepLock::try_take(out.path, "abc"));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = StepLock::try_take(out.path, "abc");
    ::_exit(lock ? 0 : 1);  // nothing is unlocked on the way
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(StepLock::try_take(out.path, "abc"));
}

TEST_CASE("an output folder that cannot be is refused with its path and a remedy") {
  const TemporaryFolder folder;
  folder.write("file", "");
  CHECK_THROWS_WITH_AS(atp::require_writable(folder / "file/below/out"),
                       doctest::Contains("file is a file, not a folder; name another folder with --out DIR"),
                       atp::Error);
  CHECK_THROWS_WITH_AS(atp::require_writable(folder / "file"), doctest::Contains("is a file, not a folder"),
                       atp::Error);
  atp::require_writable(folder / "new/out");
  CHECK_FALSE(fs::exists(folder / "new"));
  CHECK_THROWS_WITH_AS(atp::require_writable("/proc/out"),  // where not even root may make one
                       doctest::Contains("/proc/out: no results can be written there: /proc: No such file"),
                       atp::Error);
}

TEST_CASE("names become names of folders") {
  CHECK(atp::file_name_of("variant=no attention,seed=42") == "variant=no attention,seed=42");
  CHECK(atp::file_name_of("rate=1/2\n") == "rate=1_2_");
  CHECK(atp::file_name_of("..") == "_..");
  const std::string name = "x=" + std::string(300, 'a');
  CHECK(atp::file_name_of(name).size() == 200);
  CHECK(atp::file_name_of(name + "b") != atp::file_name_of(name + "c"));
  std::string letters;
  for (int i = 0; i < 200; ++i) letters += "é";
  const std::string cut = atp::file_name_of(letters);
  CHECK((static_cast<unsigned char>(cut[cut.size() - 18]) & 0xc0) == 0x80);  // ends with a whole letter
}

TEST_CASE("links for people lead to the step, and follow when it changes") {
  const TemporaryFolder out;
  out.write("steps/one/result.json", "1");
  out.write("steps/two/result.json", "2");
  atp::link_step(out.path, "recipe", "seed=1", "target.sst2", "one");
  CHECK(atp::read_file(out / "recipe/seed=1/target.sst2/result.json") == "1");
  atp::link_step(out.path, "recipe", "seed=1", "target.sst2", "two");
  CHECK(atp::read_file(out / "recipe/seed=1/target.sst2/result.json") == "2");
  atp::link_step(out.path, "recipe", "", "target", "one");
  CHECK(atp::read_file(out / "recipe/target/result.json") == "1");
  fs::create_symlink("../steps/one", out / "recipe/.other.partial");  // what a killed process leaves
  atp::link_step(out.path, "recipe", "", "other", "two");
  CHECK(atp::read_file(out / "recipe/other/result.json") == "2");
  CHECK_FALSE(fs::is_symlink(out / "recipe/.other.partial"));
  CHECK_THROWS_AS(atp::link_step(out.path, "steps/one/result.json", "", "x", "one"), atp::Error);
}
