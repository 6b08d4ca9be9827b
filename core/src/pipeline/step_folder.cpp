#include "pipeline/step_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "io/durable_file.h"
#include "pipeline/content_hash.h"

namespace atp {

namespace {

namespace fs = boost::filesystem;

constexpr std::size_t longest_name = 200;  // bytes; file systems allow 255

std::string reason(int error) { return std::generic_category().message(error); }

void make_folder(const std::string& path) {
  boost::system::error_code error;
  fs::create_directories(path, error);
  if (error) throw Error(path + ": the folder cannot be made: " + error.message());
}

void remove_folder(const std::string& path) {
  boost::system::error_code error;
  fs::remove_all(path, error);
  if (error) throw Error(path + ": cannot be removed: " + error.message());
}

bool exists(const std::string& path) {
  boost::system::error_code error;
  return fs::exists(path, error);
}

std::string lock_path(const std::string& out, const std::string& id) { return out + "/steps/." + id + ".lock"; }

}  // namespace

StepFolder::StepFolder(std::string out, std::string id) : StepFolder(out, id, out + "/steps/" + id) {}
StepFolder::StepFolder(std::string out, std::string id, std::string path)
    : out_(std::move(out)), id_(std::move(id)), path_(std::move(path)) {}

StepFolder StepFolder::alone(const std::string& path) {
  const fs::path folder(path);
  return StepFolder(folder.parent_path().string(), folder.filename().string(), path);
}

bool StepFolder::finished() const try {
  return exists(file("result.json")) && result().is_map();
} catch (const Error&) {
  return false;
}
bool StepFolder::damaged() const { return exists(file("result.json")) && !finished(); }
bool StepFolder::complete(const std::string& verb) const {
  return finished() && (verb != "train" || exists(tensors()));
}
bool StepFolder::has_state() const { return exists(file("state")); }
bool StepFolder::resumable() const { return !finished() && has_state(); }

std::string StepFolder::failure() const {
  return !finished() && exists(file("failure.txt")) ? read_file(file("failure.txt")) : "";
}

Value StepFolder::result() const { return parse_json(read_file(file("result.json")), file("result.json")); }

std::optional<Value> StepFolder::run_record() const try {
  return parse_json(read_file(file("run.json")), file("run.json"));
} catch (const Error&) {
  return std::nullopt;
}

void StepFolder::create() const { make_folder(path_); }

void StepFolder::remember_failure(const std::string& message) const { write_durably(file("failure.txt"), message); }
void StepFolder::forget_failure() const { ::unlink(file("failure.txt").c_str()); }
void StepFolder::forget_result() const { ::unlink(file("result.json").c_str()); }
void StepFolder::forget_state() const {
  if (has_state()) remove_folder(file("state"));
}

void StepFolder::finish(const Value& result) const {
  forget_failure();
  write_durably(file("result.json"), to_json(result, 2) + "\n");
  forget_state();
}

StepFolder StepFolder::begin_afresh(const std::string& plan) const {
  StepFolder fresh(out_, id_, path_ + ".fresh");
  if (fresh.is_anew(plan)) return fresh;
  remove_folder(fresh.path_);
  fresh.create();
  write_durably(fresh.file("anew"), plan);
  return fresh;
}

bool StepFolder::is_anew(const std::string& plan) const {
  return exists(file("anew")) && read_file(file("anew")) == plan;
}

bool StepFolder::is_begun_anew(const std::string& plan) const {
  return StepFolder(out_, id_, path_ + ".fresh").is_anew(plan);
}

bool StepFolder::has_afresh() const { return exists(file("anew")) || exists(path_ + ".fresh"); }

void StepFolder::forget_afresh() const {
  ::unlink(file("anew").c_str());
  remove_folder(path_ + ".fresh");
}

void StepFolder::take_place_of(const StepFolder& finished) const {
  if (exists(finished.path_)) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, finished.path_.c_str(), RENAME_EXCHANGE) == 0)
      return remove_folder(path_);
    remove_folder(finished.path_);  // a file system that cannot exchange two names
  }
  if (::rename(path_.c_str(), finished.path_.c_str()) != 0)
    throw Error(finished.path_ + ": the step made anew cannot take its place: " + reason(errno));
}

StepLock::StepLock(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
StepLock::StepLock(StepLock&& other) noexcept : descriptor_(other.descriptor_), path_(std::move(other.path_)) {
  other.descriptor_ = -1;
}

StepLock::~StepLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());  // while it is held: whoever opened it meanwhile sees that it is gone, and opens anew
  ::close(descriptor_);
}

bool StepLock::is_there(const std::string& out, const std::string& id) { return exists(lock_path(out, id)); }

std::optional<StepLock> StepLock::try_take(const std::string& out, const std::string& id) {
  make_folder(out + "/steps");
  const std::string path = lock_path(out, id);
  while (true) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) throw Error(path + ": cannot be made: " + reason(errno));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      ::close(descriptor);
      if (error == EWOULDBLOCK || error == EINTR) return std::nullopt;
      throw Error(path + ": cannot be locked: " + reason(error));
    }
    struct stat opened = {}, named = {};
    if (::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino)
      return StepLock(descriptor, path);
    ::close(descriptor);
  }
}

void require_writable(const std::string& out) {
  const auto fail = [&](const std::string& why) {
    throw Error(out + ": no results can be written there: " + why + "; name another folder with --out DIR");
  };
  boost::system::error_code error;
  fs::path path = fs::absolute(out);
  while (!fs::exists(path, error) && path.has_parent_path()) path = path.parent_path();
  if (!fs::is_directory(path, error)) fail(path.string() + " is a file, not a folder");
  std::string probe = path.string() + "/.writable-XXXXXX";  // `out` is made once the recipe is known to be right
  if (!::mkdtemp(probe.data())) fail((path == fs::absolute(out) ? "" : path.string() + ": ") + reason(errno));
  ::rmdir(probe.c_str());
}

std::string file_name_of(const std::string& text) {
  std::string name;
  for (const char letter : text)
    name += letter == '/' || static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f ? '_' : letter;
  if (name.empty() || name == "." || name == "..") name = "_" + name;
  if (name.size() <= longest_name) return name;
  std::size_t end = longest_name - 17;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;  // not inside a letter of UTF-8
  return name.substr(0, end) + "-" + text_digest(text).substr(0, 16);
}

namespace {

struct Link {
  std::string folder, path, target;
};

Link link_of(const std::string& out, const std::string& recipe, const std::string& trial, const std::string& name,
             const std::string& id) {
  const std::string folder = out + "/" + recipe + (trial.empty() ? "" : "/" + file_name_of(trial));
  return {folder, folder + "/" + file_name_of(name), (trial.empty() ? "../steps/" : "../../steps/") + id};
}

}  // namespace

bool is_linked(const std::string& out, const std::string& recipe, const std::string& trial, const std::string& name,
               const std::string& id) {
  const Link link = link_of(out, recipe, trial, name, id);
  boost::system::error_code error;
  return fs::read_symlink(link.path, error).string() == link.target && !error;
}

void link_step(const std::string& out, const std::string& recipe, const std::string& trial, const std::string& name,
               const std::string& id) {
  if (is_linked(out, recipe, trial, name, id)) return;
  const auto [folder, link, target] = link_of(out, recipe, trial, name, id);
  make_folder(folder);
  // Its name beside the link is fixed, so that a killed process leaves at most one, which the next one takes; the
  // folder's lock keeps two apart.
  const std::string partial = folder + "/." + file_name_of(name) + ".partial";
  const int locked = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (locked >= 0) ::flock(locked, LOCK_EX);
  ::unlink(partial.c_str());
  int number = 0;
  if (::symlink(target.c_str(), partial.c_str()) != 0 || ::rename(partial.c_str(), link.c_str()) != 0) number = errno;
  if (number != 0) ::unlink(partial.c_str());
  if (locked >= 0) ::close(locked);
  if (number != 0) throw Error(link + ": the link cannot be made: " + reason(number));
}

}  // namespace atp
