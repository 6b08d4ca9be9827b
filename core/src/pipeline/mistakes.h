#pragma once

#include <set>
#include <string>
#include <vector>

#include "atp/error.h"

namespace atp {

// What is wrong with a plan. A mistake that only some trials of a sweep make is said once, with their names.
class Mistakes {
 public:
  void enter_trials(const std::vector<std::string>& names);  // whose mistakes come next; {""} where there is no sweep
  void add(const Origin& place, const std::string& message);
  // Runs a part of the plan that `place` of the recipe asks for. An error of another file is said once, with all
  // places that want the file.
  template <class Function>
  void collect(const Origin& place, const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      add(place, error);
    }
  }
  // Throws RecipeError with all of them, where there are any, and forgets them.
  void throw_if_any();

 private:
  struct Mistake {
    Origin place;
    std::string message;
    std::vector<std::string> trials;
    std::vector<std::string> wanted_by;  // places of the recipe that ask for another file, which is wrong
  };

  void add(const Origin& place, const Error& error);
  Mistake& find(const Origin& place, const std::string& message);

  std::vector<Mistake> list_;
  std::vector<std::string> trials_;  // the ones entered last
  std::set<std::string> all_trials_;
};

}  // namespace atp
