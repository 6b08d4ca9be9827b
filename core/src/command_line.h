#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"

// What the programs share: reading their arguments and ending with a message and a status, whatever happens.
namespace atp {

inline constexpr int usage_error = 2;

// The arguments as `options` has them; those without a name stand for `places`, in their order, which may also be
// named. Throws RecipeError naming the nearest option for one that is not known.
boost::program_options::variables_map parse_arguments(const std::vector<std::string>& arguments,
                                                      const boost::program_options::options_description& options,
                                                      const std::vector<std::string>& places);

// Where and how the engine computes.
void add_engine_options(boost::program_options::options_description& table);
EngineSettings engine_settings(const boost::program_options::variables_map& values);

// The folder that an option names, or else a variable of the environment; "" where neither does. Throws RecipeError
// where it is not there.
std::string named_folder(const boost::program_options::variables_map& values, const std::string& option,
                         const char* variable);

// Runs a program's work. Every error becomes a message on standard error and status 2; a command line or recipe that is
// wrong is the only thing that reaches this far.
int run_program(const char* name, const std::function<int()>& work);

}  // namespace atp
