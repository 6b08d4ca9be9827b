#include "command_line.h"

#include <poll.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <clocale>
#include <cstdlib>
#include <iostream>
#include <locale>

#include "atp/error.h"
#include "pipeline/failure_text.h"
#include "pipeline/stop_signal.h"

namespace atp {

namespace po = boost::program_options;
namespace fs = boost::filesystem;

namespace {

// auto, cpu, cuda or cuda:N, N of three digits at most
bool is_device(const std::string& text) {
  const std::string numbered = "cuda:";
  if (text == "auto" || text == "cpu" || text == "cuda") return true;
  return text.starts_with(numbered) && text.size() > numbered.size() && text.size() <= numbered.size() + 3 &&
         text.find_first_not_of("0123456789", numbered.size()) == std::string::npos;
}

bool has_no_reader(int descriptor) {
  pollfd pipe{descriptor, 0, 0};
  return ::poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

}  // namespace

po::variables_map parse_arguments(const std::vector<std::string>& arguments, const po::options_description& options,
                                  const std::vector<std::string>& places) {
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

void add_engine_options(po::options_description& table) {
  auto add = table.add_options();
  add("libtorch", po::value<std::string>()->value_name("DIR"), "another copy of libtorch ($ATP_LIBTORCH)");
  add("device", po::value<std::string>()->value_name("NAME")->default_value("auto"), "auto, cpu, cuda or cuda:N");
  add("threads", po::value<int>()->value_name("N")->default_value(0, "all cores"), "threads of the CPU");
}

EngineSettings engine_settings(const po::variables_map& values) {
  EngineSettings settings{values["device"].as<std::string>(), values["threads"].as<int>()};
  if (!is_device(settings.device))
    throw RecipeError("--device: found '" + settings.device + "', expected auto, cpu, cuda or cuda:N");
  if (!values["threads"].defaulted() && settings.threads < 1)
    throw RecipeError("--threads: found " + std::to_string(settings.threads) + ", expected 1 or more");
  return settings;
}

std::string named_folder(const po::variables_map& values, const std::string& option, const char* variable) {
  const bool said = values.count(option) > 0;
  const char* environment = std::getenv(variable);
  const std::string folder = said ? values[option].as<std::string>() : environment ? environment : "";
  if (folder.empty() && !said) return folder;
  boost::system::error_code error;
  if (!fs::is_directory(folder, error))
    throw RecipeError((said ? "--" + option : "$" + std::string(variable)) + " " + folder + ": " +
                      (fs::exists(folder, error) ? "no folder, but a file" : "no such folder"));
  return folder;
}

int run_program(const char* name, const std::function<int()>& work) {
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
