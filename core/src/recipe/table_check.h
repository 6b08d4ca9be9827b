#pragma once

#include <map>
#include <string>
#include <vector>

#include "atp/options.h"

// Checking what a recipe says against tables, beyond Options::check: keys that several readers share, paths, `none`.
namespace atp {

// "unknown key 'batch_sise'; did you mean 'batch_size'?", or with all that are known where none is near.
std::string unknown_key(const std::string& key, const std::vector<std::string>& known);

// Options::check, and: a key that no table knows is said to be planned where it is, `none` is null for what may be
// null, and paths become absolute and must exist.
Params check_table(const Options& table, const Value& given, const Origin& where, Problems& problems);

// A table with those options of `others` that have the same key in place of its own.
Options with_defaults_of(const Options& table, const Options& others);
Options without(const Options& table, const std::vector<std::string>& keys);

// The values in the table's order; a default's origin becomes `whose` ("default of method 'attempt'"), in place of a
// file.
Value with_origins(const Params& params, const std::string& whose);

// Keys said once for several readers (the defaults under `train:`, a step's keys over the items of its `each`) are
// wrong where no reader knows them.
class SharedKeys {
 public:
  // One reader's view of a map: which of its keys it knows. `method` is who would take inputs.
  void read(const Value& map, const std::vector<std::string>& known, const std::string& method = {});
  // A reader that cannot say (its plugin is not there): only what is near a known key is wrong for now.
  void accept(const Value& map, const std::vector<std::string>& known);
  void report(Problems& problems) const;

 private:
  struct Key {
    Origin place;
    bool is_known = false;
    std::string message;
  };
  Key& at(const std::string& key, const Value& value);
  std::map<std::string, Key> keys_;
};

}  // namespace atp
