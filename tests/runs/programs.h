#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "atp/value.h"

// Runs the built programs and looks at what they leave behind.
namespace runs {

using Words = std::vector<std::string>;

struct Ended {
  int status = -1;  // exit status; 128 + number where a signal ended it
  std::string out, error;
};

struct Setting {
  std::map<std::string, std::string> environment = {};  // added to, or, where empty, taken from our own
  std::string folder = {};                              // the current one
  long long largest_file = -1;                          // bytes; -1: no limit
  bool obeys_modes = false;                             // root, too, may only do what files' modes allow
};

Ended run(const std::string& program, const Words& arguments, const Setting& setting = {});
// The same in two steps, for programs that run at the same time.
struct Started {
  pid_t process = -1;
  std::string out, error;  // files
};
Started start(const std::string& program, const Words& arguments, const Setting& setting = {});
Ended wait_for(const Started& started);

std::string program(const std::string& name);  // build/bin/NAME

// A folder with a small experiment: two tasks of a few rows in JSON Lines, a tiny random backbone, a train step that
// others read, and little enough of everything that a run takes a second.
class Experiment {
 public:
  Experiment();
  ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const;
  // atp-run recipe.yaml --out OUT …, on one thread.
  Ended atp_run(Words arguments = {}, const std::string& out = "out", Setting setting = {}) const;
  // A small T5 with a tokenizer in the Hub's layout: a folder's path.
  std::string write_checkpoint(const std::string& name) const;
  // The plan as `--dry-run --json` says it.
  atp::Value plan(const Words& arguments = {}, const std::string& out = "out") const;
  // Title of each step → its state in the plan.
  std::map<std::string, std::string> states(const Words& arguments = {}, const std::string& out = "out") const;
  // The files that must not differ between two runs of one recipe: path below steps/ → contents.
  std::map<std::string, std::string> exact_files(const std::string& out = "out") const;

  std::string path;
};

// A task of the experiment's folder NAME, as a recipe has it.
std::string task(const std::string& name);

// Runs steps on the toy task with a tiny random T5, one thread, on the CPU; results go to out/toy.
Ended run_toy(const Experiment& experiment, const std::string& steps);
double toy_accuracy(const Experiment& experiment, const std::string& step);

// The names that only one side has, or that differ; "" where there are none.
std::string differences(const std::map<std::string, std::string>& left,
                        const std::map<std::string, std::string>& right);
std::string read(const std::string& path);
bool contains(const std::string& text, const std::string& part);

}  // namespace runs
