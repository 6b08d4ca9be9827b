#include "plugin_host/plugin_host.h"

#include <doctest/doctest.h>

#include <sstream>

#include "atp/metric.h"
#include "atp/plugin.h"
#include "atp/task.h"
#include "plugin_folders.h"
#include "tests/places.h"

using namespace atp;
using atp::test::built;
using atp::test::bytes_of;
using atp::test::Folder;
using atp::test::holds;
using atp::test::refusal;
namespace fs = boost::filesystem;

namespace {

// A program's libtorch that is not there: no test below may need it.
LibTorch no_libtorch() { return LibTorch({"", "", "/nonexistent/libtorch", "2.11.0", "/nonexistent/libatp_core.so"}); }

// What asking for `parrot` says with one plugin in $ATP_PLUGIN_PATH.
std::string refusal_of(const std::string& plugin, const std::string& kind = "task",
                       const std::string& name = "parrot") {
  const Folder folder;
  const auto library = folder.add(plugin);
  auto libtorch = no_libtorch();
  PluginHost host({{}, folder.path(), ""}, libtorch);
  const auto message = refusal([&] { host.find(kind, name); });
  CHECK(holds(message, "' cannot be loaded"));
  CHECK(holds(message, "\n  file  " + library + "   (from $ATP_PLUGIN_PATH)\n  why   "));
  CHECK(holds(message, "\n  fix   "));
  CHECK(host.registry().entries().empty());
  CHECK(refusal([&] { host.find(kind, name); }) == message);  // the second time too
  return message;
}

std::string offered_by(PluginHost& host, const std::string& kind, const std::string& name) {
  const auto* entry = host.find(kind, name);
  return entry ? entry->library : "";
}

}  // namespace

TEST_CASE("a whole plugin is loaded when it is asked for, and makes what it offers") {
  const Folder folder;
  const auto library = folder.add("good");
  auto libtorch = no_libtorch();
  PluginHost host({{}, folder.path(), ""}, libtorch);
  CHECK(host.names("task") == std::vector<std::string>{"parrot"});
  CHECK(host.names("metric") == std::vector<std::string>{"length"});
  CHECK(host.registry().entries().empty());

  CHECK(host.find("task", "macaw") == nullptr);
  CHECK(host.find("method", "parrot") == nullptr);
  const auto* entry = host.find("task", "parrot");
  REQUIRE(entry);
  CHECK(entry->plugin == "good");
  CHECK(entry->version == "1.2.3");
  CHECK(entry->library == library);
  CHECK(entry->summary == "says it again");
  CHECK(host.find("task", "parrot") == entry);
  CHECK(host.registry().make<TextTask>("parrot", Params()).name == "parrot");
  REQUIRE(host.find("metric", "length"));
  const auto metric = host.registry().make<Metric>("length", Params());
  CHECK(metric->score({{"four", "six___"}, {{""}, {""}}, {}, {}}) == 5);
  CHECK_FALSE(libtorch.loaded());
}

TEST_CASE("every way to be broken is told with file, reason and remedy") {
  SUBCASE("built for another libtorch, found before the loader sees it") {
    const auto message = refusal_of("other_libtorch", "method");
    CHECK(holds(message, "method plugin 'other_libtorch' cannot be loaded"));
    CHECK(holds(message, "why   built for libtorch 2.6.0, atp-run has 2.11.0"));
    CHECK(holds(message, "fix   rebuild it: cmake -S <src> -B build -Datp_DIR="));
  }
  SUBCASE("built for another interface") {
    CHECK(holds(refusal_of("other_abi"), "why   built for plugin interface (ABI) 999, atp-run has "));
    CHECK(holds(refusal_of("other_descriptor_abi"), "why   its descriptor is of plugin interface (ABI) 999"));
    CHECK(holds(refusal_of("other_size"), "why   its descriptor has 8 bytes, atp-run's "));
  }
  SUBCASE("built with another standard library") {
    CHECK(holds(refusal_of("other_standard_library"), "why   built with the standard library libstdc++/cxx11=0"));
  }
  SUBCASE("the register function throws") {
    CHECK(holds(refusal_of("throws"), "why   its register function threw: the parrot has flown"));
    CHECK(holds(refusal_of("throws_a_number"), "why   its register function threw something that is no std::except"));
    CHECK(holds(refusal_of("registers_twice"), "why   its register function threw: two plugins offer task 'parrot'"));
  }
  SUBCASE("a symbol that no library has, in the loader's own words") {
    const auto message = refusal_of("undefined_symbol");
    CHECK(holds(message, "undefined symbol: lost_in_linking\n"));
    CHECK_FALSE(holds(message, "dlerror"));
    CHECK(holds(message, "fix   link what is missing"));
  }
  SUBCASE("the stamp says other names than are registered") {
    CHECK(holds(refusal_of("not_registered"), "why   its stamp offers task 'magpie', which it does not register"));
    CHECK(holds(refusal_of("not_offered", "task", "macaw"),
                "why   its stamp offers task 'macaw', which it does not register; it registers task 'parrot', which "
                "its stamp does not offer"));
    CHECK(holds(refusal_of("not_registered"), "fix   make NAMES of atp_add_plugin say what ATP_PLUGIN"));
  }
  SUBCASE("a stamp without its descriptor, or with another's") {
    CHECK(holds(refusal_of("without_descriptor"), "why   it has a stamp but not the symbol atp_plugin"));
    CHECK(holds(refusal_of("other_name"), "why   its descriptor does not fit the stamp in its file"));
  }
  SUBCASE("a method without libtorch in its stamp") {
    CHECK(holds(refusal_of("torchless_method", "method"), "built without libtorch"));
  }
}

TEST_CASE("a truncated library and one that is no plugin") {
  const Folder folder;
  const auto whole = bytes_of(built("good"));
  const auto cut = folder.write("libgood.so", whole.substr(0, whole.size() - 100));
  const auto text = folder.write("libmacaw.so", "not a library at all");
  const auto stranger = folder.add("not_a_plugin");
  auto libtorch = no_libtorch();
  PluginHost host({{}, folder.path(), ""}, libtorch);

  const auto message = refusal([&] { host.find("task", "parrot"); });
  CHECK(holds(message, "task plugin 'good' cannot be loaded\n  file  " + cut));
  CHECK(holds(message, "why   the file is truncated"));
  CHECK(holds(message, "fix   build it again, or copy"));
  // A file that cannot say what it offers counts for the name that it bears.
  CHECK(holds(refusal([&] { host.find("task", "macaw"); }), "why   it is not a shared library (ELF)"));
  CHECK(holds(refusal([&] { host.find("task", "not_a_plugin"); }), "why   it is not a plugin of atp"));
  CHECK(host.find("task", "finch") == nullptr);

  std::ostringstream listing;
  print_plugins(host, true, listing);
  const auto list = parse_json(listing.str(), "plugins");
  REQUIRE(list.items().size() == 4);  // the truncated one twice, for its two kinds
  for (const auto& entry : list.items()) {
    CHECK(entry.at("state").text() == "error");
    CHECK(holds(entry.at("error").text(), "\n  why   "));
    CHECK(holds(entry.at("error").text(), entry.at("library").text()));
  }
  CHECK(list.items()[0].at("kind").text() == "task");
  CHECK(list.items()[0].at("names").items()[0].text() == "parrot");
  CHECK(list.items()[2].at("kind").is_null());
}

TEST_CASE("an earlier place shadows a later one") {
  const Folder first, second;
  const auto good = first.add("good", "task/libgood.so");  // a kind's subfolder
  const auto twin = second.add("twin");
  auto libtorch = no_libtorch();
  PluginHost host({{}, first.path() + "/::" + second.path(), ""}, libtorch);
  CHECK(host.names("task") == std::vector<std::string>{"magpie", "parrot"});
  CHECK(offered_by(host, "task", "magpie") == twin);  // of the later library only what no earlier one offers
  CHECK(offered_by(host, "task", "parrot") == good);
  CHECK(host.registry().entries().size() == 3);

  std::ostringstream json, text;
  print_plugins(host, true, json);
  const auto list = parse_json(json.str(), "plugins");
  REQUIRE(list.items().size() == 3);
  const auto& entry = list.items()[1];
  CHECK(entry.at("names").items().size() == 2);
  CHECK(entry.at("version").text() == "2.0.0");
  CHECK(entry.at("library").text() == twin);
  CHECK(entry.at("state").text() == "ok");
  CHECK(entry.at("error").is_null());
  CHECK(entry.at("notes").items()[0].text() == "task 'parrot' is shadowed by " + good);
  print_plugins(host, false, text);
  CHECK(holds(text.str(), "note: task 'parrot' is shadowed by " + good));
  CHECK(holds(text.str(), "looked in\n  " + first.path()));
  CHECK(holds(text.str(), "KIND    PLUGIN      NAMES\n"));
  CHECK(holds(text.str(), "task    good 1.2.3  parrot\n                    " + good + "\n"));
}

TEST_CASE("a library of an earlier place that fails is the error: no later one is taken instead") {
  const Folder first, second;
  second.add("good");
  auto libtorch = no_libtorch();
  const auto ask = [&] {
    PluginHost host({{}, first.path() + ":" + second.path(), ""}, libtorch);
    return refusal([&] { host.find("task", "parrot"); });
  };
  CHECK(ask() == "nothing was thrown");
  SUBCASE("its stamp is readable") {
    first.add("throws");
    CHECK(holds(ask(), "the parrot has flown"));
  }
  SUBCASE("its stamp is not") {
    first.write("libgood.so", "half a cop");
    CHECK(holds(ask(), "'libgood.so' cannot be loaded as a plugin\n  file  " + first.path()));
  }
}

TEST_CASE("two libraries of one place that offer the same are fatal, with both paths") {
  const Folder folder;
  const auto good = folder.add("good", "metric/libgood.so");
  const auto twin = folder.add("twin", "task/libtwin.so");
  auto libtorch = no_libtorch();
  PluginHost host({{}, folder.path(), ""}, libtorch);
  const auto message = refusal([&] { host.find("task", "parrot"); });
  CHECK(holds(message, "task 'parrot' is offered by two plugins of one place"));
  CHECK(holds(message, "\n  file  " + good + "   (from $ATP_PLUGIN_PATH)"));
  CHECK(holds(message, "\n  file  " + twin + "   (from $ATP_PLUGIN_PATH)"));
  CHECK(holds(message, "\n  fix   remove one of them"));
  CHECK(refusal([&] { host.find("task", "magpie"); }) == message);
}

TEST_CASE("the same file by two ways is one plugin") {
  const Folder folder;
  folder.add("good");
  fs::create_symlink("libgood.so", folder.path() + "/libagain.so");
  auto libtorch = no_libtorch();
  PluginHost host({{}, folder.path() + ":" + folder.path() + "/.", ""}, libtorch);
  CHECK(host.files().size() == 1);
  CHECK(host.find("task", "parrot"));
}

TEST_CASE("the order: the recipe's paths, $ATP_PLUGIN_PATH, the program's own; never the current folder") {
  const Folder named, environment, own, elsewhere;
  const auto by_recipe = named.add("twin", "libtwin.so");
  const auto by_environment = environment.add("good");
  own.write("bin/atp-run", "");
  const auto by_program = own.add("good", "lib/atp/plugins/task/libgood.so");
  elsewhere.add("not_registered", "libnot_registered.so");
  auto libtorch = no_libtorch();
  const auto current = fs::current_path();
  fs::current_path(elsewhere.path());
  const auto source = [&](const SearchPath& path) {
    PluginHost host(path, libtorch);
    return offered_by(host, "task", "parrot");
  };
  const auto program = own.path() + "/bin/atp-run";
  const Origin origin{named.path() + "/recipe.yaml", 3, 5};
  CHECK(source({{{"libtwin.so", origin}}, environment.path(), program}) == by_recipe);
  CHECK(source({{{named.path(), origin}}, environment.path(), program}) == by_recipe);
  CHECK(source({{}, environment.path(), program}) == by_environment);
  CHECK(source({{}, "/nonexistent", program}) == by_program);
  CHECK(source({{}, "", program}) == by_program);
  CHECK(source({{}, "", ""}) == "");
  CHECK(source({{}, ":", ""}) == "");
  fs::current_path(current);
}

TEST_CASE("a library that a recipe names and that cannot be used is an error at its line") {
  const Folder folder;
  folder.add("other_abi");
  auto libtorch = no_libtorch();
  const Origin origin{folder.path() + "/recipe.yaml", 3, 5};
  const auto message = refusal([&] { PluginHost host({{{"libother_abi.so", origin}}, "", ""}, libtorch); });
  CHECK(message.rfind(origin.text() + ": task plugin 'other_abi' cannot be loaded\n", 0) == 0);
  CHECK(holds(message, "libother_abi.so   (from the recipe)"));
  const auto missing = refusal([&] { PluginHost host({{{"libnone.so", origin}}, "", ""}, libtorch); });
  CHECK(missing.rfind(origin.text() + ": no such plugin: " + folder.path() + "/libnone.so", 0) == 0);
}

TEST_CASE("a plugin with tensors is loaded after libtorch and atp's core library") {
  LibTorch libtorch;  // the copy that atp was built with
  PluginHost host({{}, "", tests::in_build_tree("/bin/atp-run")}, libtorch);
  CHECK(host.names("combiner").size() >= 1);
  CHECK_FALSE(libtorch.loaded());
  const auto* entry = host.find("combiner", "no_attention");
  REQUIRE(entry);
  CHECK(entry->library == tests::in_build_tree("/lib/atp/plugins/combiner/libno_attention.so"));
  CHECK(libtorch.loaded());
}

TEST_CASE("without libtorch a plugin with tensors is refused, in all words once") {
  auto libtorch = no_libtorch();
  PluginHost host({{}, "", tests::in_build_tree("/bin/atp-run")}, libtorch);
  const auto ask = [&] { return refusal([&] { host.find("combiner", "no_attention"); }); };
  CHECK(holds(ask(), "no libtorch\n  file  /nonexistent/libtorch   (from the copy that atp was built with)\n  why   "));
  CHECK(ask() == "no libtorch: this needs it too");
}
