#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"

// libtorch and libatp_core, which the host loads by path when a step or a plugin needs tensors, and not before.
namespace atp {

// A copy of libtorch on disk, nothing of it loaded.
struct LibTorchCopy {
  std::string folder;   // holds lib/libtorch_cpu.so
  std::string version;  // "2.11.0"
  std::string said_by;  // "--libtorch", "$ATP_LIBTORCH", "the copy that atp was built with"
};

struct LibTorchSettings {
  std::string given;        // --libtorch
  std::string environment;  // $ATP_LIBTORCH
  std::string built_with;   // the copy that atp was built with
  std::string version;      // what that copy was; another one's major, minor and patch must be equal
  std::string core;         // libatp_core.so

  static LibTorchSettings of_this_program(const std::string& given = {});
};

// The first that is said of --libtorch, $ATP_LIBTORCH and the built-in folder, whatever is wrong with it. A folder may
// be the torch folder itself, its lib/, one that holds torch/ or libtorch/, or a virtual or conda environment. Throws
// PluginError where it holds no libtorch, or another version.
LibTorchCopy find_libtorch(const LibTorchSettings& settings);

class LibTorch {
 public:
  explicit LibTorch(LibTorchSettings settings = LibTorchSettings::of_this_program());

  const std::string& version() const { return settings_.version; }  // that atp was built for
  bool loaded() const { return loaded_; }

  // Loads libc10, libtorch_cpu and libatp_core; the second call does nothing. Throws PluginError with the loader's own
  // words, once: asked again it is one line, so that a recipe's ten mistakes of one cause stay readable.
  void load();

  // Loads libtorch's CUDA library too where the device asks for it ("auto": where there is a driver), then makes the
  // engine. Its plugins' libraries stay loaded for ever, but it must be gone before `registry` is.
  std::unique_ptr<Engine> make_engine(const EngineSettings& settings, const Registry& registry, DeviceReport& report);

 private:
  void load_all();
  void load_cuda(const std::string& device);

  LibTorchSettings settings_;
  LibTorchCopy copy_;
  void* core_ = nullptr;
  bool loaded_ = false;
  std::string failure_;  // the first line of what load() threw
};

}  // namespace atp
