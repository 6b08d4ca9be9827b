#include "pipeline/failure_text.h"

#include <boost/filesystem.hpp>
#include <filesystem>
#include <new>
#include <system_error>

#include "atp/error.h"

namespace atp {

namespace {

constexpr const char* fault = "a fault of the program or of a plugin, please report it: ";

std::string refused(const std::string& path, const std::string& reason) {
  return (path.empty() ? "the current folder" : path) + ": " + reason;
}

}  // namespace

std::string failure_text() {
  try {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return "not enough memory";
  } catch (const boost::filesystem::filesystem_error& error) {
    return refused(error.path1().string(), error.code().message());
  } catch (const std::filesystem::filesystem_error& error) {
    return refused(error.path1().string(), error.code().message());
  } catch (const std::system_error& error) {
    return "the system refuses something: " + error.code().message();
  } catch (const std::exception& error) {
    return fault + std::string(error.what());
  } catch (...) {
    return fault + std::string("something was thrown that is no std::exception");
  }
}

}  // namespace atp
