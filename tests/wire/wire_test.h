// The binding between a scripted Filesystem and a kernel played by the test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fs/executor.h"
#include "fs/fuse/session.h"
#include "tests/support/fake_kernel.h"
#include "tests/wire/fake_filesystem.h"

namespace glancefs::test {

using Answer = FakeKernel::Answer;

class TestHandle : public fs::Handle {};

/// Sends and waits; each test ends by checking that every request was answered once.
class WireTest : public testing::Test {
 protected:
  static constexpr std::size_t kMetadataThreads = 4;
  static constexpr std::size_t kTransferThreads = 4;

  /// `device`, `flags2`, `minor`: see FuseSession::serve_on() and FakeKernel::say_hello().
  explicit WireTest(std::unique_ptr<fs::BackingDevice> device = nullptr, std::uint32_t flags2 = 0,
                    std::uint32_t minor = FakeKernel::kMinor) {
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail
    fake.open = [](fs::NodeId, int, FakeFiles::Stop) {
      return fs::Opened{.handle = std::make_unique<TestHandle>()};
    };
    session->serve_on(kernel.take_daemon_end(), std::move(device));
    loop = std::thread([this] {
      try {
        session->run([this] { ready = true; });
      } catch (...) {
        failure = std::current_exception();
      }
    });
    hello = kernel.say_hello(flags2, minor);
  }

  ~WireTest() override { end(); }

  /// Ends the session as an unmount does. Requests still open are answered into the void.
  void end() {
    kernel.hang_up();
    finish();
  }

  /// Ends the session as a signal does.
  void finish() {
    if (!session) return;
    session->request_exit();
    if (loop.joinable()) loop.join();
    session.reset();
    transfers.reset();  // runs what is queued, which may use the test's own variables
    metadata.reset();
    EXPECT_EQ(kernel.wrong(), std::vector<std::uint64_t>{});
  }

  Answer ask_name(std::uint32_t operation, fs::NodeId node, const std::string& name) {
    return kernel.wait(kernel.send_text(operation, node, name + '\0'));
  }
  template <typename Body>
  Answer ask(std::uint32_t operation, fs::NodeId node, const Body& body,
             std::string_view tail = {}) {
    return kernel.wait(kernel.send(operation, node, body, tail));
  }

  std::uint64_t open_file(fs::NodeId node, int flags = O_RDONLY) {
    fuse_open_in body{};
    body.flags = static_cast<std::uint32_t>(flags);
    return ask(FUSE_OPEN, node, body).as<fuse_open_out>().fh;
  }
  std::uint64_t send_read(fs::NodeId node, std::uint64_t fh, std::uint64_t offset,
                          std::uint32_t size) {
    fuse_read_in body{};
    body.fh = fh;
    body.offset = offset;
    body.size = size;
    return kernel.send(FUSE_READ, node, body);
  }
  std::uint64_t send_flush(fs::NodeId node, std::uint64_t fh, pid_t thread = 0) {
    fuse_flush_in body{};
    body.fh = fh;
    return kernel.send(FUSE_FLUSH, node, body, {}, thread);
  }
  std::uint64_t send_release(fs::NodeId node, std::uint64_t fh) {
    fuse_release_in body{};
    body.fh = fh;
    return kernel.send(FUSE_RELEASE, node, body);
  }

  /// Sets an attribute; when it has been answered, the kernel has been told of all changes so far.
  Answer set_xattr() {
    fuse_setxattr_in body{};
    body.size = 1;
    std::string text(reinterpret_cast<const char*>(&body), FUSE_COMPAT_SETXATTR_IN_SIZE);
    text.append("user.glance.name").push_back('\0');
    text.push_back('x');
    return kernel.wait(kernel.send_text(FUSE_SETXATTR, 11, text));
  }

  FakeFiles fake;
  std::unique_ptr<fs::Filesystem> files = make_fake_filesystem(fake);
  std::optional<fs::Executor> metadata{std::in_place, kMetadataThreads};
  std::optional<fs::Executor> transfers{std::in_place, kTransferThreads};
  FakeKernel kernel;
  fs::OperationCounters counters;
  std::unique_ptr<fs::FuseSession> session = std::make_unique<fs::FuseSession>(
      *files, *metadata, *transfers, counters,
      fs::MountConfig{.directory = "/none", .source = "test", .options = {}});
  fuse_init_out hello{};
  std::atomic<bool> ready = false;
  std::exception_ptr failure;
  std::thread loop;
};

}  // namespace glancefs::test
