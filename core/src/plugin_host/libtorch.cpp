#include "plugin_host/libtorch.h"

#include <dlfcn.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/filesystem.hpp>
#include <cstdlib>
#include <optional>

#include "atp/error.h"
#include "atp/file.h"
#include "atp/log.h"
#include "plugin_host/stamp.h"

namespace atp {
namespace {

namespace fs = boost::filesystem;

constexpr const char* get_one =
    "tools/setup fetches a fitting one, and so does pip install torch==" ATP_LIBTORCH_VERSION
    "; --libtorch DIR or $ATP_LIBTORCH names another";

std::string libtorch_message(const std::string& what, const std::string& file, const std::string& said_by,
                             const std::string& why, const std::string& fix) {
  return what + "\n  file  " + file + "   (from " + said_by + ")\n  why   " + why + "\n  fix   " + fix;
}

bool is_file(const fs::path& path) {
  boost::system::error_code error;
  return fs::is_regular_file(path, error);
}

std::string contents(const fs::path& path) { return is_file(path) ? read_file(path.string()) : ""; }

// What follows `name` in a text of "name value" or "name = value": the first number with dots after it.
std::string number_after(const std::string& text, const std::string& name) {
  const auto at = text.find(name);
  if (at == std::string::npos) return {};
  const auto begin = text.find_first_of("0123456789", at + name.size());
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_first_not_of("0123456789.", begin) - begin);
}

// "2.11.0" of "2.11.0", "2.11.0+cu130" and "2.11.0a0"; nothing where there is no such thing.
std::optional<std::string> three_numbers(const std::string& text) {
  std::size_t end = 0;
  for (int number = 0; number < 3; ++number) {
    if (number > 0 && (end == text.size() || text[end++] != '.')) return std::nullopt;
    const std::size_t begin = end;
    end = std::min(text.find_first_not_of("0123456789", begin), text.size());
    if (end == begin) return std::nullopt;
  }
  return text.substr(0, end);
}

// Major, minor and patch of a copy, from the first of its own records that says them.
std::optional<std::string> version_of(const fs::path& folder) {
  const auto header = contents(folder / "include" / "torch" / "headeronly" / "version.h");
  const auto from_header = number_after(header, "define TORCH_VERSION_MAJOR") + "." +
                           number_after(header, "define TORCH_VERSION_MINOR") + "." +
                           number_after(header, "define TORCH_VERSION_PATCH");
  for (const auto& text : {from_header, number_after(contents(folder / "version.py"), "__version__ ="),
                           number_after(contents(folder / "build-version"), "")})
    if (auto version = three_numbers(text)) return version;
  return std::nullopt;
}

// The torch folder that pip or conda put into an environment; empty where there is none.
fs::path installed_by_python(const fs::path& environment) {
  boost::system::error_code error;
  for (fs::directory_iterator entry(environment / "lib", error), end; !error && entry != end; entry.increment(error))
    if (boost::starts_with(entry->path().filename().string(), "python"))
      if (auto folder = entry->path() / "site-packages" / "torch"; is_file(folder / "lib" / "libtorch_cpu.so"))
        return folder;
  return {};
}

// The folder with lib/libtorch_cpu.so that `said` means; empty where there is none.
fs::path torch_folder(const fs::path& said) {
  auto base = fs::absolute(said).lexically_normal();
  if (base.filename() == ".") base = base.parent_path();  // it was written with a slash at its end
  for (const auto& folder : {base, base / "torch", base / "libtorch"})
    if (is_file(folder / "lib" / "libtorch_cpu.so")) return folder;
  if (base.filename() == "lib" && is_file(base / "libtorch_cpu.so")) return base.parent_path();
  return installed_by_python(base);
}

// Loads a library for good. Gives what the loader said against it; empty where all is well.
std::string open_library(const fs::path& file, int mode, void*& handle) {
  if (file.has_parent_path())
    if (const auto fault = check_library(file.string())) return fault.why;
  handle = ::dlopen(file.c_str(), RTLD_NOW | mode);
  if (handle) return {};
  const char* words = ::dlerror();
  return words ? words : "the loader gives no reason";
}

bool has_driver(std::string& why_not) {
  void* driver = nullptr;
  why_not = open_library("libcuda.so.1", RTLD_LOCAL, driver);
  return driver != nullptr;
}

}  // namespace

LibTorchSettings LibTorchSettings::of_this_program(const std::string& given) {
  const char* environment = std::getenv("ATP_LIBTORCH");
  const auto program = fs::canonical(boost::dll::program_location());
  const auto core = (program.parent_path() / ".." / "lib" / "libatp_core.so").lexically_normal();
  return {given, environment ? environment : "", ATP_BUILT_LIBTORCH, ATP_LIBTORCH_VERSION, core.string()};
}

LibTorchCopy find_libtorch(const LibTorchSettings& settings) {
  LibTorchCopy copy{settings.built_with, {}, "the copy that atp was built with"};
  if (!settings.environment.empty()) copy = {settings.environment, {}, "$ATP_LIBTORCH"};
  if (!settings.given.empty()) copy = {settings.given, {}, "--libtorch"};

  const auto folder = torch_folder(copy.folder);
  if (folder.empty())
    throw PluginError(libtorch_message("no libtorch", copy.folder, copy.said_by,
                                       "there is no lib/libtorch_cpu.so in it, nor in torch/, libtorch/ or "
                                       "lib/python*/site-packages/torch/ below it",
                                       get_one));
  copy.folder = folder.string();
  const auto version = version_of(folder);
  if (!version)
    throw PluginError(libtorch_message(
        "libtorch of an unknown version", copy.folder, copy.said_by,
        "it has none of include/torch/headeronly/version.h, version.py and build-version that says its version; "
        "atp-run needs " +
            settings.version,
        get_one));
  if (*version != settings.version)
    throw PluginError(libtorch_message("another libtorch", copy.folder, copy.said_by,
                                       "it is version " + *version + ", atp-run was built for " + settings.version,
                                       get_one));
  copy.version = *version;
  return copy;
}

LibTorch::LibTorch(LibTorchSettings settings) : settings_(std::move(settings)) {}

void LibTorch::load() {
  if (loaded_) return;
  if (!failure_.empty()) throw PluginError(failure_ + ": this needs it too");
  try {
    load_all();
    loaded_ = true;
  } catch (const PluginError& error) {
    const std::string message = error.what();
    failure_ = message.substr(0, message.find('\n'));
    throw;
  }
}

namespace {

// Threads that wait for each other sleep instead of spinning. Where other programs share the cores, spinning costs more
// than ten times the time of the work itself (a tiny T5 on two busy cores: 28 s instead of 355 s). The variable is read
// when the OpenMP library is loaded, with libtorch; the user's own choice stands.
void let_waiting_threads_sleep() {
  if (!std::getenv("GOMP_SPINCOUNT")) ::setenv("OMP_WAIT_POLICY", "passive", 0);
}

}  // namespace

void LibTorch::load_all() {
  copy_ = find_libtorch(settings_);
  let_waiting_threads_sleep();
  const fs::path folder = fs::path(copy_.folder) / "lib";
  for (const char* name : {"libc10.so", "libtorch_cpu.so"}) {
    void* handle = nullptr;
    if (const auto words = open_library(folder / name, RTLD_LOCAL, handle); !words.empty())
      throw PluginError(
          libtorch_message("libtorch cannot be loaded", (folder / name).string(), copy_.said_by, words, get_one));
  }
  if (const auto words = open_library(settings_.core, RTLD_LOCAL, core_); !words.empty())
    throw PluginError(libtorch_message("atp's own core library cannot be loaded", settings_.core,
                                       "the folder beside the program's", words, "build or install atp again"));
}

void LibTorch::load_cuda(const std::string& device) {
  if (device == "cpu") return;
  const bool wanted = device != "auto";
  const std::string what = "device '" + device + "' cannot be used";
  std::string words;
  if (!has_driver(words)) {
    if (wanted)
      throw PluginError(
          libtorch_message(what, "libcuda.so.1", "NVIDIA's driver", words, "install the driver, or take --device cpu"));
    return;
  }
  const auto library = fs::path(copy_.folder) / "lib" / "libtorch_cuda.so";
  void* handle = nullptr;
  words = open_library(library, RTLD_GLOBAL, handle);
  if (words.empty()) return;
  const auto message = libtorch_message(what, library.string(), copy_.said_by, words,
                                        "tools/setup --cuda fetches the whole CUDA set, or take --device cpu");
  if (wanted) throw PluginError(message);
  log::warn("there is an NVIDIA driver, but the CPU is used: " + message);
}

std::unique_ptr<Engine> LibTorch::make_engine(const EngineSettings& settings, const Registry& registry,
                                              DeviceReport& report) {
  load();
  load_cuda(settings.device);
  report.libtorch_version = copy_.version;
  const auto make = reinterpret_cast<decltype(&atp_make_engine)>(::dlsym(core_, "atp_make_engine"));
  if (!make)
    throw PluginError(libtorch_message("atp's own core library cannot be used", settings_.core,
                                       "the folder beside the program's", "it has no symbol atp_make_engine",
                                       "build or install atp again"));
  return std::unique_ptr<Engine>(make(settings, registry, report));
}

}  // namespace atp
