// A scripted Filesystem mounted under the real kernel.
#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fs/executor.h"
#include "fs/fuse/session.h"
#include "tests/support/temporary_directory.h"
#include "tests/wire/fake_filesystem.h"

namespace glancefs::test {

inline constexpr fs::NodeId kFirst = 1000;
inline constexpr fs::NodeId kFiles = 1000;
inline constexpr std::uint64_t kSize = 1 << 20;

class NoHandle : public fs::Handle {};

// One directory of 1000 files whose reads wait until the test answers.
class RealKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::geteuid() != 0) {
      GTEST_SKIP() << "mounting needs /dev/fuse and root";
    }
    fake.attributes = attributes;
    fake.attributes_valid = std::chrono::milliseconds(60000);
    fake.find = [](fs::NodeId, std::string_view name) {
      fs::Entry entry;
      if (name.size() != 5 || !name.starts_with('f')) return std::optional(entry);
      entry.node = std::stoul(std::string(name.substr(1)));
      entry.attributes = attributes(entry.node);
      entry.valid = std::chrono::milliseconds(60000);
      return std::optional(entry);
    };
    fake.list = [](fs::NodeId) {
      std::vector<fs::DirectoryEntry> entries;
      for (fs::NodeId node = kFirst; node < kFirst + kFiles; ++node) {
        entries.push_back({"f" + std::to_string(node), node});
      }
      return entries;
    };
    fake.open = [](auto, auto, auto) {
      return fs::Opened{.handle = std::make_unique<NoHandle>(), .keep_cache = true};
    };
    fake.read = [this](auto, auto, std::unique_ptr<fs::PendingRead> reader) {
      park.add(std::move(reader));
    };
    fake.flush = [](auto, auto) {};
    mount({});
  }

  /// Ends the session while what the answers are made of, in classes derived from this, still
  /// lives.
  void TearDown() override { stop(); }

  ~RealKernelTest() override {
    ::umount2(directory.path().c_str(), MNT_DETACH);  // in case that a test has failed half-way
  }

  static fs::Attributes attributes(fs::NodeId node) {
    fs::Attributes result;
    result.node = node;
    result.mode = node == fs::kRootNode ? S_IFDIR | 0755 : S_IFREG | 0644;
    result.size = node == fs::kRootNode ? 0 : kSize;
    return result;
  }

  void mount(const std::vector<std::string>& options, bool passthrough = true) {
    session = std::make_unique<fs::FuseSession>(*files, metadata, transfers, counters,
                                                fs::MountConfig{.directory = directory.path(),
                                                                .source = "my,cloud",
                                                                .flags = flags,
                                                                .options = options,
                                                                .passthrough = passthrough});
    session->mount();
    std::promise<void> ready;
    loop = std::thread([this, &ready] { session->run([&] { ready.set_value(); }); });
    ready.get_future().wait();
  }

  void stop() {
    if (!loop.joinable()) return;
    session->request_exit();
    loop.join();
    session.reset();
  }

  // Its line of mountinfo; empty: not mounted.
  std::string mounted() const {
    std::ifstream table("/proc/self/mountinfo");
    for (std::string line; std::getline(table, line);) {
      if (line.find(" " + directory.path() + " ") != std::string::npos) return line;
    }
    return {};
  }

  std::string file() const { return directory / "f1000"; }
  int shell(const std::string& line) const {
    return std::system(("cd " + directory.path() + " && { " + line + "; }").c_str());
  }

  TemporaryDirectory directory;
  unsigned long flags = 0;
  FakeFiles fake;
  ReadPark park;
  std::unique_ptr<fs::Filesystem> files = make_fake_filesystem(fake);
  fs::Executor metadata{4}, transfers{4};
  fs::OperationCounters counters;
  std::unique_ptr<fs::FuseSession> session;
  std::thread loop;
};

}  // namespace glancefs::test
