#include "plugin_host/libtorch.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include "atp/error.h"
#include "plugin_folders.h"

using namespace atp;
using atp::test::Folder;
using atp::test::holds;
using atp::test::refusal;

namespace {

// A folder that looks like libtorch 2.11.0 and holds nothing that can be loaded.
void write_copy(const Folder& folder, const std::string& place = "", const std::string& version = "2.11.0+cu130") {
  folder.write(place + "lib/libtorch_cpu.so", "");
  folder.write(place + "version.py", "__all__ = ['__version__']\n__version__ = '" + version + "'\n");
}

}  // namespace

TEST_CASE("a copy of libtorch is found in the folder itself, its lib, or torch below it") {
  const Folder folder;
  write_copy(folder, "site-packages/torch/");
  const auto torch = folder.path() + "/site-packages/torch";
  for (const auto& said : {torch, torch + "/", torch + "/lib", torch + "/lib/", folder.path() + "/site-packages"}) {
    CAPTURE(said);
    const auto copy = find_libtorch({said, "", "", "2.11.0", ""});
    CHECK(copy.folder == torch);
    CHECK(copy.version == "2.11.0");
    CHECK(copy.said_by == "--libtorch");
  }
}

TEST_CASE("a copy of libtorch is found in a virtual environment") {
  const Folder folder;
  folder.write("lib/python3.11/site-packages/numpy/version.py", "");
  folder.write("lib/pythonic", "");
  CHECK(holds(refusal([&] { find_libtorch({folder.path(), "", "", "2.11.0", ""}); }), "no libtorch"));
  write_copy(folder, "lib/python3.12/site-packages/torch/");
  CHECK(find_libtorch({folder.path(), "", "", "2.11.0", ""}).folder ==
        folder.path() + "/lib/python3.12/site-packages/torch");
}

TEST_CASE("--libtorch comes before $ATP_LIBTORCH, and that before the copy atp was built with") {
  const Folder one, two, three;
  for (const auto* folder : {&one, &two, &three}) write_copy(*folder);
  CHECK(find_libtorch({one.path(), two.path(), three.path(), "2.11.0", ""}).folder == one.path());
  CHECK(find_libtorch({"", two.path(), three.path(), "2.11.0", ""}).folder == two.path());
  CHECK(find_libtorch({"", "", three.path(), "2.11.0", ""}).folder == three.path());
  // What is said and wrong is the error; the next one is not tried.
  const auto message = refusal([&] { find_libtorch({"/nonexistent", two.path(), "", "2.11.0", ""}); });
  CHECK(
      holds(message, "no libtorch\n  file  /nonexistent   (from --libtorch)\n  why   there is no lib/libtorch_cpu.so"));
  CHECK(holds(message, "\n  fix   tools/setup"));
}

TEST_CASE("the version is read from the copy's own records") {
  const Folder folder;
  folder.write("lib/libtorch_cpu.so", "");
  const auto version = [&](const std::string& wanted) {
    return refusal([&] { find_libtorch({folder.path(), "", "", wanted, ""}); });
  };
  CHECK(holds(version("2.11.0"), "libtorch of an unknown version"));
  folder.write("build-version", "2.9.1+cpu\n");
  CHECK(version("2.9.1") == "nothing was thrown");
  folder.write("version.py", "from typing import Optional\n__version__ = '2.10.0a0+git123'\n");
  CHECK(version("2.10.0") == "nothing was thrown");
  folder.write("include/torch/headeronly/version.h",
               "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n");
  CHECK(version("2.11.0") == "nothing was thrown");
  CHECK(holds(version("2.11.1"), "why   it is version 2.11.0, atp-run was built for 2.11.1"));
}

TEST_CASE("what the loader says against a copy stands in the message") {
  const Folder folder;
  write_copy(folder);
  const auto load = [&] {
    LibTorch libtorch({folder.path(), "", "", "2.11.0", "/nonexistent/libatp_core.so"});
    const auto message = refusal([&] { libtorch.load(); });
    CHECK_FALSE(libtorch.loaded());
    return message;
  };
  CHECK(holds(load(), "libtorch cannot be loaded\n  file  " + folder.path() + "/lib/libc10.so   (from --libtorch)"));
  CHECK(holds(load(), "No such file"));
  folder.add("undefined_symbol", "lib/libc10.so");
  CHECK(holds(load(), "undefined symbol: lost_in_linking"));
  folder.add("not_a_plugin", "lib/libc10.so");
  CHECK(holds(load(), "lib/libtorch_cpu.so"));
  CHECK(holds(load(), "the file is empty"));
  folder.add("not_a_plugin", "lib/libtorch_cpu.so");
  CHECK(holds(load(), "atp's own core library cannot be loaded\n  file  /nonexistent/libatp_core.so"));
}

TEST_CASE("a GPU that is asked for on a machine without a driver is refused in the loader's words") {
  if (::dlopen("libcuda.so.1", RTLD_NOW)) {
    MESSAGE("skipped: this machine has NVIDIA's driver");
    return;
  }
  LibTorch libtorch;
  DeviceReport report;
  const auto message = refusal([&] { libtorch.make_engine({"cuda:1", 1}, Registry(), report); });
  CHECK(holds(message, "device 'cuda:1' cannot be used\n  file  libcuda.so.1   (from NVIDIA's driver)\n  why   "));
  CHECK(holds(message, "cannot open shared object file"));
  CHECK(holds(message, "\n  fix   install the driver, or take --device cpu"));
}
