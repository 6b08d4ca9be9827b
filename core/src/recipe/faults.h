#pragma once

#include <string>
#include <vector>

#include "recipe/recipe.h"

// `compat: attempt-b5121e5`: which faults of the authors' released code (AkariAsai/ATTEMPT, that commit) a recipe wants
// back, so that what each costs can be measured. A plugin, and the train step's own table, say with `faults({…})` which
// they can reproduce; the recipe says at its top which it wants, and each gets those of them that it knows.
namespace atp {

const std::vector<std::string>& released_faults();  // what each is, docs/recipes.md says

// The names that a recipe's `compat` stands for, as a list: all of them, or those that it lists. A name that is none is
// a problem.
Value wanted_faults(const Value& said, Problems& problems);

// The table without what the recipe alone says.
Options without_faults(const Options& table);
// The same values, and `compat` with those of the wanted faults that `table`, the plugin's whole one, knows.
Params with_faults(const Params& params, const Options& table, const Value& wanted);

// Those of the wanted that change a training with these settings: two are of the attention's own optimiser, one of
// updates in several micro-batches.
Value faults_of_training(const Value& wanted, const Params& settings);

// Those that a step's plugins and settings reproduce.
std::vector<std::string> faults_in(const Step& step);

}  // namespace atp
