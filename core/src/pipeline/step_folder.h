#pragma once

#include <optional>
#include <string>

#include "atp/value.h"

// Where results lie below the output folder, and who may write them.
namespace atp {

// OUT/steps/<id>/ of one piece of work. result.json is written last: a folder that has it is finished and never
// changes.
class StepFolder {
 public:
  StepFolder(std::string out, std::string id);
  static StepFolder alone(const std::string& path);  // a finished one that belongs to no output folder

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string tensors() const { return file("checkpoint/tensors.safetensors"); }

  // The result of a verb is there with all that others read of it.
  bool complete(const std::string& verb) const;
  bool finished() const;  // result.json stands there
  bool damaged() const;   // there is a result.json, and it is no JSON: the step counts as not done
  bool has_state() const;
  bool resumable() const;       // a state to go on from
  std::string failure() const;  // why the last attempt failed; "" where it did not
  Value result() const;         // throws FormatError where result.json is not JSON
  std::optional<Value> run_record() const;

  void create() const;  // throws Error naming the path
  void remember_failure(const std::string& message) const;
  void forget_failure() const;
  void forget_result() const;              // of a folder that is not complete
  void forget_state() const;               // after the result: nothing resumes a finished step
  void finish(const Value& result) const;  // durably, then the state goes

  // --fresh: the work is done in another folder, which then takes this one's place. The file `anew` says for which
  // plan (Plan::digest); it stays until all of that plan is redone, so that a --fresh run that was stopped goes on.
  StepFolder begin_afresh(const std::string& plan) const;  // emptied unless the same plan began it
  bool is_anew(const std::string& plan) const;             // this folder was made by the plan's --fresh
  bool is_begun_anew(const std::string& plan) const;       // the other one was
  void take_place_of(const StepFolder& finished) const;
  bool has_afresh() const;  // a file `anew`, or another folder
  void forget_afresh() const;

 private:
  StepFolder(std::string out, std::string id, std::string path);
  std::string out_, id_, path_;
};

// Says that this process, and no other, works on a step. It dies with the process that holds it.
class StepLock {
 public:
  // nullopt where another process holds it. Throws Error where the folder cannot be written.
  static std::optional<StepLock> try_take(const std::string& out, const std::string& id);
  static bool is_there(const std::string& out, const std::string& id);  // held, or left by a process that was killed
  StepLock(StepLock&& other) noexcept;
  StepLock& operator=(StepLock&&) = delete;
  ~StepLock();

 private:
  StepLock(int descriptor, std::string path);
  int descriptor_ = -1;
  std::string path_;
};

// Throws Error (which path, why, what to do) unless files can be made in `out`, or `out` itself where it is not there.
void require_writable(const std::string& out);

// A name as a folder's: '/' and control characters replaced, no longer than a file system allows.
std::string file_name_of(const std::string& text);

// OUT/<recipe>/[<trial>/]<name> → the step's folder, relative; replaced as one act where it points elsewhere.
void link_step(const std::string& out, const std::string& recipe, const std::string& trial, const std::string& name,
               const std::string& id);
bool is_linked(const std::string& out, const std::string& recipe, const std::string& trial, const std::string& name,
               const std::string& id);

}  // namespace atp
