#include "plugin_host/stamp.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/stat.h>

#include <cstring>

#include "atp/plugin.h"
#include "plugin_folders.h"

using namespace atp;
using atp::test::built;
using atp::test::bytes_of;
using atp::test::Folder;
using atp::test::holds;

TEST_CASE("a stamp is read without loading the library") {
  const auto read = read_stamp(built("good"));
  CHECK(read.fault.why == "");
  CHECK(read.stamp.name == "good");
  CHECK(read.stamp.version == "1.2.3");
  CHECK(read.stamp.abi == std::to_string(abi_version));
  CHECK(read.stamp.torch == "");
  CHECK(read.stamp.architecture == ATP_ARCHITECTURE);
  CHECK(read.stamp.offers_one("task", "parrot"));
  CHECK(read.stamp.offers_one("metric", "length"));
  CHECK_FALSE(read.stamp.offers_one("task", "length"));
  CHECK(read.stamp.offers.size() == 2);
  CHECK_FALSE(check_stamp(read.stamp, "2.11.0"));
}

TEST_CASE("a library cut short at any place is refused, and says what it offers where its stamp is left") {
  const auto whole = bytes_of(built("good"));
  REQUIRE(whole.size() > 4096);
  const Folder folder;
  bool stamp_was_left = false;
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 301) {
    const auto read = read_stamp(folder.write("libcut.so", whole.substr(0, size)));
    CAPTURE(size);
    CHECK(read.fault.why != "");
    CHECK(read.fault.fix != "");
    stamp_was_left = stamp_was_left || read.stamp.offers_one("task", "parrot");
  }
  CHECK(stamp_was_left);
  const auto read = read_stamp(folder.write("libcut.so", whole.substr(0, whole.size() - 1)));
  CHECK(holds(read.fault.why, "truncated"));
  CHECK(holds(read.fault.why, std::to_string(whole.size() - 1) + " bytes"));
}

TEST_CASE("headers that lie are refused") {
  const auto whole = bytes_of(built("good"));
  const Folder folder;
  const auto with = [&](std::size_t offset, auto value) {
    auto bytes = whole;
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return read_stamp(folder.write("liblies.so", bytes)).fault.why;
  };
  CHECK(holds(with(offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_S390}), "processor number 22"));
  CHECK(holds(with(offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_REL}), "not a shared library"));
  CHECK(holds(with(EI_CLASS, std::uint8_t{ELFCLASS32}), "64-bit"));
  CHECK(holds(with(offsetof(Elf64_Ehdr, e_phnum), Elf64_Half{0}), "damaged"));
  CHECK(holds(with(offsetof(Elf64_Ehdr, e_phoff), ~Elf64_Off{0} - 8), "truncated"));
  CHECK(holds(with(offsetof(Elf64_Ehdr, e_shoff), ~Elf64_Off{0} - 8), "truncated"));
  CHECK(holds(with(sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), ~Elf64_Xword{0}), "truncated"));
  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof header);
  const auto first_section = header.e_shoff + sizeof(Elf64_Shdr);  // the one before it is empty
  CHECK(holds(with(first_section + offsetof(Elf64_Shdr, sh_size), Elf64_Xword{whole.size()}), "truncated"));
  CHECK(with(first_section + offsetof(Elf64_Shdr, sh_size), Elf64_Xword{1}) == "");
}

TEST_CASE("what is no library is named for what it is") {
  const Folder folder;
  CHECK(holds(read_stamp(folder.write("a.so", "")).fault.why, "empty"));
  CHECK(holds(read_stamp(folder.write("a.so", "#!/bin/sh\n")).fault.why, "not a shared library"));
  CHECK(holds(read_stamp(folder.write("a.so",
                                      "\x7f"
                                      "ELF"))
                  .fault.why,
              "truncated"));
  CHECK(holds(read_stamp(folder.path()).fault.why, "folder"));
  CHECK(holds(read_stamp(folder.path() + "/none.so").fault.why, "No such file"));
  CHECK(holds(read_stamp(built("not_a_plugin")).fault.why, "not a plugin of atp"));
  CHECK(holds(read_stamp(built("not_a_plugin")).fault.fix, "atp_add_plugin"));
  const auto pipe = folder.path() + "/pipe.so";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(holds(read_stamp(pipe).fault.why, "not a regular file"));
}

TEST_CASE("a stamp that cannot be read, or stands there twice in two ways, is refused") {
  CHECK(holds(read_stamp(built("garbled_stamp")).fault.why, "stamp cannot be read"));
  auto bytes = bytes_of(built("good"));
  const std::string other = "@<atp-stamp abi=1 name=other offers=task:b >@";
  const auto hole = bytes.find(std::string(other.size() + 2, '\0'));  // padding between two mapped segments
  REQUIRE(hole != std::string::npos);
  bytes.replace(hole + 1, other.size(), other);
  const Folder folder;
  CHECK(holds(read_stamp(folder.write("libtwo.so", bytes)).fault.why, "two different stamps"));
}

TEST_CASE("what a plugin was built with is compared with this program") {
  const auto why = [](const std::string& plugin) { return check_stamp(read_stamp(built(plugin)).stamp, "2.11.0").why; };
  CHECK(why("twin") == "");
  CHECK(why("other_abi") == "built for plugin interface (ABI) 999, atp-run has " + std::to_string(abi_version));
  CHECK(why("other_libtorch") == "built for libtorch 2.6.0, atp-run has 2.11.0");
  CHECK(holds(why("other_standard_library"), "built with the standard library libstdc++/cxx11=0, atp-run with "));
  CHECK(holds(why("torchless_method"), "method 'parrot' but was built without libtorch"));
  CHECK(holds(why("unknown_kind"), "oracle 'parrot'"));
  auto stamp = read_stamp(built("good")).stamp;
  stamp.architecture = "riscv";
  CHECK(holds(check_stamp(stamp, "2.11.0").why, "built for riscv"));
}
