#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "pipeline/console.h"
#include "recipe/recipe.h"

namespace atp {

// What `atp-run` was asked for.
struct RunRequest {
  std::string recipe;
  std::vector<Assignment> assignments;
  std::vector<std::string> only;
  std::string data, models, tasks, out = "out", libtorch;
  EngineSettings engine = {};
  bool dry_run = false, explain = false, fresh = false, json = false;
  Verbosity verbosity = Verbosity::normal;
  std::string command;  // as it was typed, to go on with
};

// A recipe from its file to its reports. `out` gets the plan, the tables, or one JSON document; messages go to standard
// error. Gives the exit status: 0 done, 1 a step failed, 130 stopped. What is wrong before anything is started is
// thrown.
int run_recipe(const RunRequest& request, std::ostream& out);

}  // namespace atp
