#pragma once

#include <c10/core/Device.h>

#include <string>

#include "engine/engine.h"

namespace atp {

// The device that a run asks for: cpu, cuda or cuda:N; auto takes a GPU where one can be used. The host has loaded
// libtorch's CUDA library by then where it is wanted. Throws Error saying why where a GPU is asked for and cannot be
// had.
at::Device choose_device(const EngineSettings& settings);

std::string describe(at::Device device);  // "cpu", "cuda:0 (NVIDIA H100 80GB HBM3)"
int all_cores();                          // that this process may use

}  // namespace atp
