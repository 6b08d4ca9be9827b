#pragma once

#include <poll.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/program_options.hpp>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <iostream>
#include <locale>
#include <regex>
#include <string>
#include <vector>

#include "atp/error.h"
#include "engine/engine.h"
#include "pipeline/failure_text.h"
#include "pipeline/stop_signal.h"

// What the programs share: reading their arguments and ending with a message and a status, whatever happens.
namespace atp {

inline constexpr int usage_error = 2;

// The arguments as `options` has them; those without a name stand for `places`, in their order, which may also be
// named. Throws RecipeError naming the nearest option for one that is not known.
inline boost::program_options::variables_map parse_arguments(const std::vector<std::string>& arguments,
                                                             const boost::program_options::options_description& options,
                                                             const std::vector<std::string>& places) {
  namespace po = boost::program_options;
  using Texts = std::vector<std::string>;
  const char* nameless = "arguments without a name";
  po::options_description all;
  all.add(options).add_options()(nameless, po::value<Texts>(), "");
  for (const auto& place : places) all.add_options()(place.c_str(), po::value<std::string>(), "");
  po::variables_map values;
  using Style = po::command_line_style::style_t;
  // An option is never guessed from its beginning: a script that says --data means it.
  const int style = po::command_line_style::unix_style & ~Style::allow_guessing;
  try {
    const auto nowhere = po::positional_options_description().add(nameless, -1);
    po::store(po::command_line_parser(arguments).options(all).positional(nowhere).style(style).run(), values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    std::vector<std::string> known;
    for (const auto& option : options.options()) known.push_back("--" + option->long_name());
    const std::string said = error.get_option_name();
    throw RecipeError("no option '" + said + "'" + did_you_mean(said, known) + " (see --help)");
  } catch (const po::multiple_occurrences& error) {
    throw RecipeError("'" + error.get_option_name() + "' is given twice (see --help)");
  } catch (const po::invalid_option_value& error) {
    throw RecipeError(std::string(error.what()) + "; expected a number (see --help)");
  } catch (const po::error& error) {
    throw RecipeError(std::string(error.what()) + " (see --help)");
  }
  auto place = places.begin();
  for (const auto& argument : values.count(nameless) ? values[nameless].as<Texts>() : Texts()) {
    while (place != places.end() && values.count(*place)) ++place;
    if (place == places.end())
      throw RecipeError("there are more arguments than are expected: '" + argument + "' (see --help)");
    values.insert({*place, po::variable_value(argument, false)});
  }
  return values;
}

// Where and how the engine computes.
inline void add_engine_options(boost::program_options::options_description& table) {
  namespace po = boost::program_options;
  auto add = table.add_options();
  add("libtorch", po::value<std::string>()->value_name("DIR"), "another copy of libtorch ($ATP_LIBTORCH)");
  add("device", po::value<std::string>()->value_name("NAME")->default_value("auto"), "auto, cpu, cuda or cuda:N");
  add("threads", po::value<int>()->value_name("N")->default_value(0, "all cores"), "threads of the CPU");
}

inline EngineSettings engine_settings(const boost::program_options::variables_map& values) {
  EngineSettings settings{values["device"].as<std::string>(), values["threads"].as<int>()};
  if (!std::regex_match(settings.device, std::regex("auto|cpu|cuda(:[0-9]{1,3})?")))
    throw RecipeError("--device: found '" + settings.device + "', expected auto, cpu, cuda or cuda:N");
  if (!values["threads"].defaulted() && settings.threads < 1)
    throw RecipeError("--threads: found " + std::to_string(settings.threads) + ", expected 1 or more");
  return settings;
}

// The folder that an option names, or else a variable of the environment; "" where neither does. Throws RecipeError
// where it is not there.
inline std::string named_folder(const boost::program_options::variables_map& values, const std::string& option,
                                const char* variable) {
  const bool said = values.count(option) > 0;
  const char* environment = std::getenv(variable);
  const std::string folder = said ? values[option].as<std::string>() : environment ? environment : "";
  if (folder.empty() && !said) return folder;
  boost::system::error_code error;
  if (!boost::filesystem::is_directory(folder, error))
    throw RecipeError((said ? "--" + option : "$" + std::string(variable)) + " " + folder + ": " +
                      (boost::filesystem::exists(folder, error) ? "no folder, but a file" : "no such folder"));
  return folder;
}

// Runs a program's work. Every error becomes a message on standard error and status 2; a command line or recipe that is
// wrong is the only thing that reaches this far.
inline bool has_no_reader(int descriptor) {
  pollfd pipe{descriptor, 0, 0};
  return ::poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

template <class Work>
int run_program(const char* name, const Work& work) {
  std::setlocale(LC_ALL, "C");  // numbers and messages are the same everywhere, and no locale can be missing
  std::locale::global(std::locale::classic());
  static_cast<void>(stop_signal());
  try {
    const int status = work();
    std::cout.flush();
    if (std::cout || has_no_reader(STDOUT_FILENO)) return status;  // a reader that has seen enough, as `head` does
    std::cerr << name << ": standard output cannot be written\n";
    return status == 0 ? 1 : status;
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
  } catch (...) {
    std::cerr << name << ": " << failure_text() << "\n";
  }
  return usage_error;
}

}  // namespace atp
