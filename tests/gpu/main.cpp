// Checks of the GPU, in a program that needs none to be built: libtorch's CUDA library is loaded as atp-run does it,
// and the tests, a library of their own beside this program, after it.
//
//   gpu-tests [--device cuda|cpu] [--libtorch DIR] [DOCTEST OPTION]...
//
// Exit status 77 and a word where no GPU can be used. On the CPU the same tests are smaller, and show that they work.
#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <iostream>
#include <vector>

#include "plugin_host/plugin_host.h"
#include "tests/gpu/run.h"

namespace {

constexpr int skipped = 77;

struct Request {
  std::string device = "cuda", libtorch;
  std::vector<const char*> rest;  // doctest's
};

Request request_of(int count, char** arguments) {
  Request request;
  request.rest.push_back(arguments[0]);
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (std::strcmp(arguments[i], "--device") == 0 && has_value)
      request.device = arguments[++i];
    else if (std::strcmp(arguments[i], "--libtorch") == 0 && has_value)
      request.libtorch = arguments[++i];
    else
      request.rest.push_back(arguments[i]);
  }
  return request;
}

std::filesystem::path own_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

// The build's or the installed tree's root, which holds lib/: this program lies in build/tests or in share/atp/tests.
std::filesystem::path root() {
  for (const char* up : {"..", "../../.."})
    if (std::filesystem::exists(own_folder() / up / "lib/libatp_core.so"))
      return (own_folder() / up).lexically_normal();
  throw atp::Error("there is no lib/libatp_core.so above " + own_folder().string());
}

RunGpuTests* load_tests() {
  const auto path = own_folder() / "libatp_gpu_tests.so";
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw atp::Error(dlerror());
  return reinterpret_cast<RunGpuTests*>(dlsym(handle, "atp_run_gpu_tests"));
}

int run(const Request& request) {
  auto settings = atp::LibTorchSettings::of_this_program(request.libtorch);
  settings.core = (root() / "lib/libatp_core.so").string();
  atp::LibTorch libtorch(settings);
  auto path = atp::SearchPath::of_this_program();
  path.program = (root() / "bin/atp-run").string();
  atp::PluginHost host(path, libtorch);
  for (const char* method : {"prompt_tuning", "attempt"}) host.find("method", method);
  host.find("combiner", "attempt");
  host.find("backbone", "t5");
  atp::DeviceReport report;
  std::unique_ptr<atp::Engine> engine;
  try {
    engine = libtorch.make_engine({request.device, 0}, host.registry(), report);
  } catch (const atp::Error& error) {
    if (request.device == "cpu") throw;
    std::cout << "skipped: no GPU can be used here\n" << error.what() << "\n";
    return skipped;
  }
  std::cout << "device: " << report.device << ", libtorch " << report.libtorch_version << std::endl;
  return load_tests()({*engine, host.registry(), request.device}, static_cast<int>(request.rest.size()),
                      request.rest.data());
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(request_of(count, arguments));
  } catch (const std::exception& error) {
    std::cerr << "gpu-tests: " << error.what() << "\n";
    return 1;
  }
}
