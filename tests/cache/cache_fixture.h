// Stores, bytes and files for the tests of the disk store.
#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cache/disk_store.h"
#include "tests/support/cache_samples.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::cache {

/// A directory for a cache, and what is done to its files behind its back.
class CacheFixture : public ::testing::Test {
 protected:
  std::unique_ptr<Store> store(std::uint64_t limit = 1ULL << 40U, std::uint64_t min_free = 0) {
    return open_disk_store({.directory = directory_, .limit = limit, .min_free = min_free});
  }

  /// The only file below `kind` ("partial" or "sealed") whose name ends with `suffix`.
  std::string only_file(const std::string& kind, const std::string& suffix) const {
    const auto found = files(kind, suffix);
    EXPECT_EQ(found.size(), 1U) << kind << " " << suffix;
    return found.empty() ? std::string() : found.front();
  }
  std::vector<std::string> files(const std::string& kind, const std::string& suffix) const {
    std::vector<std::string> found;
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(directory_ + "/" + kind)) {
      if (file.is_regular_file() && file.path().string().ends_with(suffix)) {
        found.push_back(file.path().string());
      }
    }
    return found;
  }
  bool has_index_aside() const {
    return std::ranges::any_of(
        std::filesystem::directory_iterator(directory_), [](const auto& file) {
          return file.path().filename().string().starts_with("index.sqlite.corrupt-");
        });
  }

  static void overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset))
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(file.good()) << path;
  }
  static void flip_bit(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset)).put(byte);
    ASSERT_TRUE(file.good()) << path;
  }

  /// Keeps all of `bytes`, sealed or not, and lets go.
  static void keep(Store& store, const std::string& source, const std::vector<std::byte>& bytes,
                   bool sealed) {
    const auto entry = store.open(key_for(source, bytes));
    ASSERT_TRUE(entry->write(0, bytes));
    if (sealed) {
      ASSERT_EQ(entry->seal(), Seal::kSealed);
    }
  }
  /// Whatever is returned is right; what is not is fetched again, and then all is right.
  static void heals(Store& store, const std::string& source, const std::vector<std::byte>& bytes) {
    const auto entry = store.open(key_for(source, bytes));
    for (std::uint64_t at = 0; at < bytes.size(); at += kBlockSize) {
      const auto expected =
          std::span(bytes).subspan(at, std::min<std::uint64_t>(kBlockSize, bytes.size() - at));
      std::vector<std::byte> got(expected.size());
      const std::size_t length = entry->read(at, got);
      EXPECT_TRUE(length == 0 || length == got.size());
      EXPECT_TRUE(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(length),
                             expected.begin()))
          << "wrong bytes at " << at;
    }
    ASSERT_TRUE(entry->write(0, bytes));
    EXPECT_EQ(read_all(*entry), bytes);
    EXPECT_EQ(entry->seal(), Seal::kSealed);
  }

  const test::TemporaryDirectory top_;
  const std::string directory_ = top_ / "cache";
};

/// A small file system of its own; needs root and the right to mount.
class SmallDisk {
 public:
  SmallDisk(std::string path, const std::string& size) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("mode=0700,size=" + size).c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  bool make_read_only() const {
    return ::mount(nullptr, path_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

}  // namespace glancefs::cache
