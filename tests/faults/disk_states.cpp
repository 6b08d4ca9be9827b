// A kill leaves the output folder as it is between two calls that change it, or with half of a write. One run is
// watched, and each such state of its folder is kept once; from every one of them the recipe must come to the same end.
// An ordinary run tries, of each kind of state (step, file, call), the first and a seeded other one; ATP_ALL_FAULTS=1
// tries all.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "kill_points.h"
#include "pipeline/recipe_run.h"
#include "pipeline/run_index.h"
#include "programs.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

bool tries_all() { return std::getenv("ATP_ALL_FAULTS") != nullptr; }

atp::RunRequest request_for(const Experiment& experiment, const std::string& out, int threads = 1) {
  atp::RunRequest request;
  request.recipe = experiment / "recipe.yaml";
  request.out = out;
  request.engine.device = "cpu";
  request.engine.threads = threads;
  return request;
}

struct sigaction own_action = {};  // what the program does on a signal; in a test case doctest's stands in its place

// Everything that runs load is loaded here once, and computes nothing here: a fork has one thread.
void load_all(const Experiment& experiment) {
  static bool loaded = false;
  if (loaded) return;
  loaded = true;
  auto request = request_for(experiment, experiment / "never");
  request.dry_run = true;
  std::ostringstream plan;
  REQUIRE(atp::run_recipe(request, plan) == 0);
  ::sigaction(SIGTERM, nullptr, &own_action);
}

// A child that runs a recipe; `prepare` is called in it. Its messages come back in `messages`.
int run_in_child(const atp::RunRequest& request, const std::function<void()>& prepare, std::string& messages) {
  const std::string file = fs::temp_directory_path() / ("atp-faults-" + std::to_string(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(descriptor, STDERR_FILENO);
    ::sigaction(SIGTERM, &own_action, nullptr);
    int status = 99;
    try {
      if (prepare) prepare();
      std::ostringstream out;
      status = atp::run_recipe(request, out);
    } catch (const std::exception& error) {
      std::cerr << error.what() << std::endl;
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  messages = read(file);
  fs::remove(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_in_child(const atp::RunRequest& request) {
  std::string messages;
  const int status = run_in_child(request, nullptr, messages);
  INFO(messages);
  CHECK(status == 0);
  return status;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// All that an output folder has to say: every file by name, those that may not differ with their contents, links with
// where they lead, and the index's rows.
Files end_of(const std::string& out) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    const std::string name = entry.path().lexically_relative(out).string();
    if (entry.is_symlink()) {
      files[name] = "→ " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file() && !contains(name, ".sqlite")) {
      const bool may_differ = ends_with(name, "/run.json") || ends_with(name, "/log.txt");
      files[name] = may_differ ? "" : read(entry.path());
    }
  }
  for (const auto& row : atp::RunIndex(out).rows())
    files["index: " + row.recipe + " " + row.step + " " + row.task + " " + row.metric] =
        row.id + " " + std::to_string(row.score);
  return files;
}

// Keeps the states of a folder while a child changes it.
class Watch {
 public:
  static void begin(const std::string& root, const std::string& kept, bool keeps_states) {
    keeps_states_ = keeps_states;
    root_ = root;
    kept_ = kept;
    ::setenv("ATP_FAULT_ROOT", root.c_str(), 1);
    fs::create_directories(kept);
    faults::observe(
        [](const faults::Call& call, const char* when) { std::string(when) == "before" ? before(call) : after(call); });
  }

 private:
  static void before(const faults::Call& call) {
    if (call.number == 1) keep("begin", {});
    if (call.name == "write") old_ = read(call.path);
  }

  static void after(const faults::Call& call) {
    std::ofstream(kept_ + "/calls", std::ios::app) << call.name << " " << name_of(call.path) << "\n";
    if (call.name == "write") keep("half of a write", call.path, half_written(read(call.path)));
    if (call.name != "fsync") keep(call.name, call.path);  // it changes nothing that a kill leaves
  }

  // What differs is the half written.
  static std::string half_written(const std::string& now) {
    const auto common =
        static_cast<std::size_t>(std::mismatch(old_.begin(), old_.end(), now.begin(), now.end()).first - old_.begin());
    const std::size_t middle = common + (now.size() - common) / 2;
    return now.substr(0, middle) + (old_.size() > middle ? old_.substr(middle) : "");
  }

  static void keep(const std::string& call, const std::string& path, const std::optional<std::string>& half = {}) {
    if (!keeps_states_) return;
    const std::string folder = kept_ + "/" + std::to_string(count_);
    if (fs::exists(root_))
      fs::copy(root_, folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    else
      fs::create_directories(folder);
    const std::string name = name_of(path);
    if (half) std::ofstream(folder + "/" + name, std::ios::binary) << *half;
    std::ofstream(kept_ + "/states", std::ios::app) << call << " " << name << "\n";
    ++count_;
  }

  static std::string name_of(const std::string& path) {
    return path.empty() ? "" : fs::path(path).lexically_relative(root_).string();
  }

  static inline std::string root_, kept_, old_;
  static inline int count_ = 0;
  static inline bool keeps_states_ = true;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The numbers of those lines to try: all, or of each kind the first and a seeded other one, `most` at most.
std::vector<std::size_t> chosen(const std::vector<std::string>& kinds, std::size_t most) {
  std::map<std::string, std::vector<std::size_t>> by_kind;
  for (std::size_t i = 0; i < kinds.size(); ++i) by_kind[kinds[i]].push_back(i);
  std::mt19937 draw(20260131);
  std::vector<std::size_t> first, others;
  for (const auto& [kind, places] : by_kind) {
    first.push_back(places.front());
    if (places.size() > 1) others.push_back(places[1 + draw() % (places.size() - 1)]);
  }
  std::vector<std::size_t> all(kinds.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  if (tries_all()) return all;
  std::shuffle(first.begin(), first.end(), draw);
  first.insert(first.end(), others.begin(), others.end());
  if (first.size() > most) first.resize(most);
  return first;
}

std::string real_path(const Experiment& experiment, const std::string& name) {
  return fs::canonical(experiment.path).string() + "/" + name;
}

// The states of one run's folder `name`, which may be there already.
std::vector<std::string> watch(const Experiment& experiment, const std::string& name, atp::RunRequest request,
                               bool keeps_states = true) {
  std::string messages;
  const std::string root = real_path(experiment, name), kept = real_path(experiment, name + ".states");
  request.out = root;
  const int status = run_in_child(
      request, [&] { Watch::begin(root, kept, keeps_states); }, messages);
  INFO(messages);
  REQUIRE(status == 0);
  return lines_of(kept + "/states");
}

std::string tried(std::size_t count, std::size_t of, const std::string& what) {
  return std::to_string(count) + " of " + std::to_string(of) + " " + what + " (ATP_ALL_FAULTS=1 tries all)\n";
}

}  // namespace

TEST_CASE("from every state of the disk that a kill can leave, the recipe comes to the same end") {
  const Experiment experiment;
  load_all(experiment);
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    const std::string whole = real_path(experiment, "whole" + std::to_string(threads));
    REQUIRE(run_in_child(request_for(experiment, whole, threads)) == 0);
    const Files wanted = end_of(whole);

    const std::string name = "out" + std::to_string(threads);
    const auto kinds = watch(experiment, name, request_for(experiment, "", threads));
    CHECK(differences(end_of(real_path(experiment, name)), wanted) == "");
    CHECK(kinds.size() > 200);
    const auto numbers = chosen(kinds, threads == 1 ? kinds.size() : 30);
    std::cout << tried(numbers.size(), kinds.size(), "states of the disk, threads: " + std::to_string(threads));
    for (const auto number : numbers) {
      const std::string state = kinds[number];
      CAPTURE(number);
      CAPTURE(state);
      const std::string out = real_path(experiment, name + ".states/" + std::to_string(number));
      if (run_in_child(request_for(experiment, out, threads)) == 0) CHECK(differences(end_of(out), wanted) == "");
    }
  }
}

TEST_CASE("--fresh that is killed leaves what was finished, and the same command goes on") {
  const Experiment experiment;
  load_all(experiment);
  const std::string out = real_path(experiment, "out");
  REQUIRE(run_in_child(request_for(experiment, out)) == 0);
  const Files wanted = end_of(out);
  auto request = request_for(experiment, "");
  request.fresh = true;
  const auto kinds = watch(experiment, "out", request);
  CHECK(differences(end_of(out), wanted) == "");
  const auto numbers = chosen(kinds, 40);
  std::cout << tried(numbers.size(), kinds.size(), "states of the disk under --fresh");
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string state = kinds[numbers[i]];
    CAPTURE(numbers[i]);
    CAPTURE(state);
    request.out = real_path(experiment, "out.states/" + std::to_string(numbers[i]));
    for (const auto& file : wanted)
      if (file.first.rfind("steps/", 0) == 0 && !file.second.empty())
        CHECK_MESSAGE(read(request.out + "/" + file.first) == file.second, file.first);
    request.fresh = i % 4 != 0;  // now and then it is given up
    if (run_in_child(request) == 0) CHECK(differences(end_of(request.out), wanted) == "");
  }
}

TEST_CASE("SIGTERM at any call that changes a file is an orderly stop, and the same command goes on") {
  const Experiment experiment;
  load_all(experiment);
  watch(experiment, "whole", request_for(experiment, ""), false);
  const Files wanted = end_of(real_path(experiment, "whole"));
  const auto calls = lines_of(real_path(experiment, "whole.states/calls"));
  const auto numbers = chosen(calls, 30);
  std::cout << tried(numbers.size(), calls.size(), "calls");
  const std::string out = real_path(experiment, "out");
  int stopped = 0;
  for (const auto number : numbers) {
    const std::string call = calls[number];
    CAPTURE(number);
    CAPTURE(call);
    std::string messages;
    const auto prepare = [&] {
      ::setenv("ATP_FAULT_ROOT", out.c_str(), 1);
      ::setenv("ATP_FAULT_AT", std::to_string(number + 1).c_str(), 1);
      ::setenv("ATP_FAULT_WHEN", "before", 1);
      ::setenv("ATP_FAULT_SIGNAL", "15", 1);
    };
    const int status = run_in_child(request_for(experiment, out), prepare, messages);
    INFO(messages);
    CHECK((status == 130 || status == 0));
    CHECK(contains(messages, "stopped; to go on where it stopped") == (status == 130));
    stopped += status == 130;
    if (run_in_child(request_for(experiment, out)) == 0) CHECK(differences(end_of(out), wanted) == "");
    fs::remove_all(out);
  }
  CHECK(stopped > 10);
}
