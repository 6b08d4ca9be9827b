#include "io/durable_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "atp/error.h"

using atp::LineFile;
using atp::read_file;
using atp::write_durably;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "atp-io-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++count;
    return count;
  }
  std::string path;
};

// Runs `work` in a process of its own that may write files of at most `bytes`; the text that it gives comes back.
template <class Work>
std::string under_limit(rlim_t bytes, const Work& work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string text = work();
    [[maybe_unused]] const auto written = ::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char block[4096];
  for (ssize_t count; (count = ::read(ends[0], block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  return text;
}

}  // namespace

TEST_CASE("a durable write replaces the file and leaves nothing beside it") {
  const Folder folder;
  write_durably(folder / "a", "one");
  write_durably(folder / "a", "second\n");
  CHECK(read_file(folder / "a") == "second\n");
  CHECK(folder.files() == 1);
  write_durably(folder / "empty", "");
  CHECK(read_file(folder / "empty").empty());
}

TEST_CASE("what a killed writer left behind is taken over, whatever its length") {
  const Folder folder;
  std::ofstream(folder / "a.partial") << "a much longer text that was never finished";
  write_durably(folder / "a", "short");
  CHECK(read_file(folder / "a") == "short");
  CHECK(folder.files() == 1);
}

TEST_CASE("a full disk leaves the old file, no partial one, and names the path") {
  const Folder folder;
  write_durably(folder / "a", "old");
  const std::string big(100000, 'x');
  const std::string message = under_limit(50000, [&] {
    try {
      write_durably(folder / "a", big);
      return std::string("written");
    } catch (const atp::Error& error) {
      return std::string(error.what());
    }
  });
  CHECK(message == folder / "a" + ": cannot be written: File too large (the limit on a file's size: ulimit -f)");
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("writers in several processes never mix their texts") {
  const Folder folder;
  std::vector<pid_t> children;
  for (char letter = 'a'; letter < 'e'; ++letter) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < 50; ++i) write_durably(folder / "shared", std::string(20000, letter));
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
  const std::string text = read_file(folder / "shared");
  REQUIRE(text.size() == 20000);
  CHECK(text == std::string(20000, text[0]));
  CHECK(folder.files() == 1);
}

TEST_CASE("a line file goes on where the checkpoint was") {
  const Folder folder;
  const std::string path = folder / "metrics.jsonl";
  std::size_t length = 0;
  {
    LineFile file(path, 0);
    file.append("one");
    length = file.sync();
    CHECK(length == 4);
    file.append("lost");
  }
  CHECK(read_file(path) == "one\nlost\n");
  {
    LineFile file(path, length);
    file.append("two");
    CHECK(file.sync() == 8);
    CHECK(read_file(path) == "one\ntwo\n");
  }
  CHECK_THROWS_WITH_AS(LineFile(path, 9), doctest::Contains(": holds 8 bytes, the checkpoint counts 9"), atp::Error);
}

TEST_CASE("a line file counts what it wrote before its buffer was full") {
  const Folder folder;
  LineFile file(folder / "a", 0);
  for (int i = 0; i < 1000; ++i) file.append("0123456789");
  CHECK(file.sync() == 11000);
  CHECK(std::filesystem::file_size(folder / "a") == 11000);
}

TEST_CASE("a line file on a full disk says so") {
  const Folder folder;
  const std::string message = under_limit(10000, [&] {
    try {
      LineFile file(folder / "a", 0);
      for (int i = 0; i < 1000; ++i) file.append("0123456789");
      file.sync();
      return std::string("written");
    } catch (const atp::Error& error) {
      return std::string(error.what());
    }
  });
  CHECK(message == folder / "a" + ": cannot be written: File too large (the limit on a file's size: ulimit -f)");
}

TEST_CASE("errors name the path and the system's reason") {
  const Folder folder;
  CHECK_THROWS_WITH_AS(read_file(folder / "none"), doctest::Contains("none: cannot be read: No such file"), atp::Error);
  CHECK_THROWS_WITH_AS(read_file(folder.path), doctest::Contains("cannot be read: Is a directory"), atp::Error);
  write_durably(folder / "file", "");
  CHECK_THROWS_WITH_AS(write_durably(folder / "file/below", "x"), doctest::Contains("Not a directory"), atp::Error);
}
