#include "engine/device.h"

#include <ATen/WholeContext.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

#include "atp/error.h"
#include "atp/log.h"

namespace atp {

namespace {

// Empty where CUDA can be used, else why not. The host has loaded libtorch's CUDA library by now where it is wanted.
std::string cuda_fault() {
  try {
    if (!at::globalContext().hasCUDA()) return "libtorch's CUDA library is not loaded";
    if (at::detail::getCUDAHooks().deviceCount() == 0) return "libtorch counts no CUDA device";
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return {};
}

bool gpu_present() { return std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/dxg"); }

}  // namespace

at::Device choose_device(const EngineSettings& settings) {
  const auto& asked = settings.device;
  if (asked == "cpu" || (asked == "auto" && !gpu_present())) return at::kCPU;
  const bool numbered = asked.size() > 5 && asked.rfind("cuda:", 0) == 0 && asked.size() < 8 &&
                        asked.find_first_not_of("0123456789", 5) == std::string::npos;
  if (asked != "auto" && asked != "cuda" && !numbered)
    throw RecipeError("--device is '" + asked + "'; expected auto, cpu, cuda or cuda:N");
  if (const auto reason = cuda_fault(); !reason.empty()) {
    if (asked != "auto")
      throw Error("--device " + asked + " cannot be used: " + reason +
                  "; a CUDA libtorch (tools/setup --cuda) and a driver are needed, or --device cpu");
    log::warn("a GPU is present but cannot be used, going on with the CPU: " + reason);
    return at::kCPU;
  }
  const int number = numbered ? std::stoi(asked.substr(5)) : 0;
  const int count = at::detail::getCUDAHooks().deviceCount();
  if (number >= count)
    throw Error("--device " + asked + ": there are " + std::to_string(count) + " CUDA devices, counted from 0");
  return {at::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

std::string describe(at::Device device) {
  if (device.is_cpu()) return "cpu";
  std::error_code ignored;
  std::vector<std::string> models;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", ignored)) {
    std::ifstream information(gpu.path() / "information");
    for (std::string line; std::getline(information, line);)
      if (line.rfind("Model:", 0) == 0) models.push_back(line.substr(line.find_first_not_of(" \t", 6)));
  }
  // Which of several different models a number means is the driver's business.
  const bool all_equal = !models.empty() && std::equal(models.begin() + 1, models.end(), models.begin());
  return device.str() + (all_equal ? " (" + models.front() + ")" : "");
}

int all_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return CPU_COUNT(&allowed);
}

}  // namespace atp
