// A Filesystem over an image service, a cache and a spool of the test's own, without a kernel.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "cache/memory_store.h"
#include "cache/snapshots.h"
#include "cache/spool.h"
#include "fs/filesystem.h"
#include "tests/support/fake_images.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {

/// Keeps the answer to one read.
class KeptRead : public PendingRead {
 public:
  KeptRead(std::promise<std::string> answer, std::stop_token stop)
      : answer_(std::move(answer)),
        stop_(std::move(stop)) {}
  std::stop_token interrupted() const override { return stop_; }
  void done(std::span<const std::byte> bytes) noexcept override {
    answer_.set_value(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void fail(std::exception_ptr reason) noexcept override {
    answer_.set_exception(std::move(reason));
  }

 private:
  std::promise<std::string> answer_;
  std::stop_token stop_;
};

/// Bytes that repeat nowhere, so that a block in the wrong place is noticed. A shorter one is the
/// beginning of a longer one.
inline std::string pattern(std::size_t size) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // so that no two products are equal
  std::string text(size, '\0');
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < size; at += sizeof word) {
    word += kOdd;
    std::memcpy(text.data() + at, &word, std::min(sizeof word, size - at));
  }
  return text;
}

/// The errno that `action` throws; 0: none.
template <typename Action>
int errno_thrown(Action&& action) {
  try {
    std::forward<Action>(action)();
    return 0;
  } catch (const std::system_error& error) {
    return error.code() == std::errc::operation_canceled ? EINTR : error.code().value();
  }
}

class Rig {
 public:
  Rig() {
    config.label = "test";
    config.identity = "http://glance project";
    config.endpoint = "http://glance";
    config.project_id = images.project();
    config.connections = 4;
    spools = cache::open_spools(directory / "state", 1ULL << 30);
  }

  /// Mounts, so to speak.
  Filesystem& start() {
    files_.emplace(config, images, *store, *spools, snapshots.get());
    return *files_;
  }
  Filesystem& files() { return *files_; }
  /// Unmounts; what the cache and the journal hold stays.
  void stop() { files_.reset(); }
  /// As another process would after this one has died: the journal is opened anew.
  Filesystem& restart() {
    stop();
    spools = cache::open_spools(directory / "state", 1ULL << 30);
    return start();
  }

  /// What a file of .glancefs says.
  std::string control(const std::string& name) {
    return read_all(files_->find(files_->find(kRootNode, ".glancefs")->node, name)->node);
  }
  NodeId directory_node(const std::string& name) { return files_->find(kRootNode, name)->node; }
  /// The node of "directory/name"; 0: none.
  NodeId node(const std::string& directory_name, const std::string& name) {
    return files_->lookup(directory_node(directory_name), name, {}).node;
  }
  std::vector<std::string> names(const std::string& directory_name) {
    std::vector<std::string> found;
    for (DirectoryEntry& entry : files_->list(directory_node(directory_name))) {
      found.push_back(std::move(entry.name));
    }
    return found;
  }

  std::future<std::string> read_later(Handle& handle, std::uint64_t offset, std::size_t size,
                                      std::stop_token stop = {}) {
    std::promise<std::string> answer;
    auto result = answer.get_future();
    files_->read(handle, offset, size,
                 std::make_unique<KeptRead>(std::move(answer), std::move(stop)));
    return result;
  }
  std::string read(Handle& handle, std::uint64_t offset, std::size_t size) {
    return read_later(handle, offset, size).get();
  }
  /// The whole file in reads of `piece` bytes, as cat(1) does it.
  std::string read_all(NodeId file, std::size_t piece = 128 * 1024) {
    Opened opened = files_->open(file, O_RDONLY, {}, {});
    std::string text;
    try {
      for (std::string part = read(*opened.handle, 0, piece); !part.empty();
           part = read(*opened.handle, text.size(), piece)) {
        text += part;
      }
    } catch (...) {
      files_->release(std::move(opened.handle));
      throw;
    }
    files_->release(std::move(opened.handle));
    return text;
  }

  /// As cp(1): create, write, close. Throws what close(2) would report.
  void copy_in(const std::string& directory_name, const std::string& name,
               const std::string& data) {
    const Caller caller{.uid = 0, .gid = 0, .pid = 100};
    auto [entry, opened] = files_->create(directory_node(directory_name), name,
                                          O_WRONLY | O_CREAT | O_EXCL, caller, {});
    files_->write(*opened.handle, 0, std::as_bytes(std::span(data)));
    try {
      files_->flush(*opened.handle, caller, {});
    } catch (...) {
      files_->release(std::move(opened.handle));
      throw;
    }
    files_->release(std::move(opened.handle));
  }

  test::TemporaryDirectory directory;
  test::FakeImages images;
  Config config;
  std::unique_ptr<cache::Store> store = cache::make_memory_store(256ULL << 20);
  std::unique_ptr<cache::Spools> spools;
  std::unique_ptr<cache::Snapshots> snapshots;  ///< null: no catalogue is kept

 private:
  std::optional<Filesystem> files_;
};

}  // namespace glancefs::fs
