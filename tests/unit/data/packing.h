#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <zlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/data/fixture.h"

// Archives and gzip files that tests make.
namespace test {

struct Packed {
  std::string name;
  std::string contents = {};
  std::string link = {};  // not empty: a symbolic link to it
};

// .zip, .7z, .tar, .tar.gz or .tgz, by the path's ending; with a password the entries of a zip are encrypted.
inline std::string pack(const Folder& folder, const std::string& name, const std::vector<Packed>& entries,
                        const std::string& password = {}) {
  const std::string path = folder.path(name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  archive* out = archive_write_new();
  if (name.ends_with(".zip")) {
    archive_write_set_format_zip(out);
    if (!password.empty()) {
      archive_write_set_options(out, "zip:encryption=traditional");
      archive_write_set_passphrase(out, password.c_str());
    }
  } else if (name.ends_with(".7z")) {
    archive_write_set_format_7zip(out);
  } else {
    archive_write_set_format_pax_restricted(out);
    if (!name.ends_with(".tar")) archive_write_add_filter_gzip(out);
  }
  REQUIRE(archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK);
  for (const auto& packed : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, packed.name.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, packed.name.ends_with('/') ? AE_IFDIR
                                      : packed.link.empty()      ? AE_IFREG
                                                                 : AE_IFLNK);
    if (packed.link.empty()) archive_entry_set_size(entry, static_cast<la_int64_t>(packed.contents.size()));
    if (!packed.link.empty()) archive_entry_set_symlink(entry, packed.link.c_str());
    REQUIRE_MESSAGE(archive_write_header(out, entry) == ARCHIVE_OK, archive_error_string(out));
    archive_write_data(out, packed.contents.data(), packed.contents.size());
    archive_entry_free(entry);
  }
  REQUIRE(archive_write_close(out) == ARCHIVE_OK);
  archive_write_free(out);
  return path;
}

inline std::string gzip(const std::string& text) {
  std::string result(compressBound(text.size()) + 64, '\0');
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

}  // namespace test
