#include "pipeline/failure_text.h"

#include <doctest/doctest.h>

#include <boost/filesystem.hpp>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

#include "atp/error.h"

namespace {

template <class Thrown>
std::string text_of(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return atp::failure_text();
  }
}

}  // namespace

TEST_CASE("whatever is thrown, people read atp's words first") {
  CHECK(text_of(atp::DataError({"rows.tsv", 3}, "two columns")) == "rows.tsv:3: two columns");
  CHECK(text_of(std::bad_alloc()) == "not enough memory");
  const boost::system::error_code denied(EACCES, boost::system::generic_category());
  CHECK(text_of(boost::filesystem::filesystem_error("boost::filesystem::status", "/root/x", denied)) ==
        "/root/x: Permission denied");
  CHECK(text_of(boost::filesystem::filesystem_error("boost::filesystem::current_path", denied)) ==
        "the current folder: Permission denied");
  CHECK(text_of(std::filesystem::filesystem_error("cannot copy", "/a", std::make_error_code(std::errc::file_exists))) ==
        "/a: File exists");
  CHECK(text_of(std::system_error(EAGAIN, std::generic_category(), "thread")) ==
        "the system refuses something: Resource temporarily unavailable");
  CHECK(text_of(std::out_of_range("vector::_M_range_check")) ==
        "a fault of the program or of a plugin, please report it: vector::_M_range_check");
  CHECK(text_of(42) ==
        "a fault of the program or of a plugin, please report it: something was thrown that is no std::exception");
}
