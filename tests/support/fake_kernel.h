// The kernel's side of the FUSE protocol, over a socket pair: requests by hand, answers counted.
#pragma once

#include <linux/fuse.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"

namespace glancefs::test {

/// Thread-safe.
class FakeKernel {
 public:
  struct Answer {
    int error = 0;  ///< errno, 0: success
    std::vector<std::byte> body;

    /// The body's first bytes as a T.
    template <typename T>
    T as(std::size_t offset = 0) const {
      T value{};
      if (body.size() < offset + sizeof value) throw std::runtime_error("the answer is too short");
      std::memcpy(&value, body.data() + offset, sizeof value);
      return value;
    }
    std::string text() const { return {reinterpret_cast<const char*>(body.data()), body.size()}; }
  };

  static constexpr std::uint32_t kMinor = 44;  ///< Linux 6.16

  /// What the daemon says without being asked.
  struct Notice {
    int code = 0;  ///< fuse_notify_code
    Answer content;
  };

  FakeKernel() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      throw_errno(errno, "socketpair");
    }
    ours_ = Fd(ends[0]);
    theirs_ = Fd(ends[1]);
    reader_ = std::thread([this] { read_answers(); });
  }
  ~FakeKernel() {
    hang_up();
    reader_.join();
  }
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  /// What the daemon gets instead of /dev/fuse. Once.
  Fd take_daemon_end() { return std::move(theirs_); }

  /// As an unmount: the daemon reads the end, answers are refused.
  void hang_up() { ::shutdown(ours_.get(), SHUT_RDWR); }

  /// Sends a request; `body` is its structure, `tail` what follows. Answers its number.
  template <typename Body>
  std::uint64_t send(std::uint32_t operation, std::uint64_t node, const Body& body,
                     std::string_view tail = {}, pid_t thread = 0) {
    const std::string_view head(reinterpret_cast<const char*>(&body), sizeof body);
    return send_bytes(operation, node, head, tail, thread);
  }
  /// One whose body is a name or two, each with its NUL.
  std::uint64_t send_text(std::uint32_t operation, std::uint64_t node, std::string_view text) {
    return send_bytes(operation, node, {}, text, 0);
  }

  /// The number of the request that will be sent next.
  std::uint64_t next() {
    const Lock lock(mutex_);
    return last_ + 2;
  }

  void interrupt(std::uint64_t unique) {
    const fuse_interrupt_in body{.unique = unique};
    const std::string_view head(reinterpret_cast<const char*>(&body), sizeof body);
    post(unique | 1, FUSE_INTERRUPT, 0, head, {}, 0);
  }

  /// Waits for the answer to `unique`; throws after 10 s without one.
  Answer wait(std::uint64_t unique) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    Lock lock(mutex_);
    while (!answers_.contains(unique)) {
      if (!arrived_.wait_until(mutex_, deadline)) throw std::runtime_error("no answer in 10 s");
    }
    return answers_.find(unique)->second.front();
  }

  /// Says hello as Linux does, with everything it can; `flags2` are the bits from 32 on, which
  /// kernels before 5.17 did not have; its protocol is 7.`minor`.
  fuse_init_out say_hello(std::uint32_t flags2 = 0, std::uint32_t minor = kMinor) {
    fuse_init_in body{};
    body.major = FUSE_KERNEL_VERSION;
    body.minor = minor;
    body.max_readahead = 128 * 1024;
    body.flags = flags2 != 0 ? ~0U : ~0U & ~static_cast<std::uint32_t>(FUSE_INIT_EXT);
    body.flags2 = flags2;
    return wait(send(FUSE_INIT, 0, body)).as<fuse_init_out>();
  }

  /// The notices so far.
  std::vector<Notice> notices() {
    const Lock lock(mutex_);
    return notices_;
  }
  /// The same, once there are `count`; throws after 10 s without.
  std::vector<Notice> wait_for_notices(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    Lock lock(mutex_);
    while (notices_.size() < count) {
      if (!arrived_.wait_until(mutex_, deadline)) throw std::runtime_error("no notices in 10 s");
    }
    return notices_;
  }

  bool answered(std::uint64_t unique) {
    const Lock lock(mutex_);
    return answers_.contains(unique);
  }

  /// Requests answered more than once, or answers to nothing. Interrupts need no answer.
  std::vector<std::uint64_t> wrong() {
    const Lock lock(mutex_);
    std::vector<std::uint64_t> result;
    for (const auto& [unique, answers] : answers_) {
      if (answers.size() != 1 || !sent_.contains(unique)) result.push_back(unique);
    }
    return result;
  }

 private:
  std::uint64_t send_bytes(std::uint32_t operation, std::uint64_t node, std::string_view head,
                           std::string_view tail, pid_t thread) {
    std::uint64_t unique = 0;
    {
      const Lock lock(mutex_);
      unique = last_ += 2;  // the odd ones are for interrupts, as in Linux
      sent_.insert(unique);
    }
    post(unique, operation, node, head, tail, thread);
    return unique;
  }

  void post(std::uint64_t unique, std::uint32_t operation, std::uint64_t node,
            std::string_view head, std::string_view tail, pid_t thread) {
    fuse_in_header header{};
    header.len = static_cast<std::uint32_t>(sizeof header + head.size() + tail.size());
    header.opcode = operation;
    header.unique = unique;
    header.nodeid = node;
    header.pid = static_cast<std::uint32_t>(thread);
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(head).append(tail);
    if (::send(ours_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
      throw_errno(errno, "request");
    }
  }

  void read_answers() {
    std::vector<std::byte> buffer(2 * 1024 * 1024);
    for (;;) {
      const ssize_t size = ::read(ours_.get(), buffer.data(), buffer.size());
      if (size < static_cast<ssize_t>(sizeof(fuse_out_header))) return;
      fuse_out_header header{};
      std::memcpy(&header, buffer.data(), sizeof header);
      if ((header.unique & 1) != 0) continue;  // the interrupt came too early or too late
      Answer answer{.error = -header.error, .body = {}};
      answer.body.assign(buffer.begin() + sizeof header, buffer.begin() + size);
      const Lock lock(mutex_);
      if (header.unique == 0) {
        notices_.push_back({.code = header.error, .content = std::move(answer)});
      } else {
        answers_[header.unique].push_back(std::move(answer));
      }
      arrived_.notify_all();
    }
  }

  Fd ours_, theirs_;
  Mutex mutex_;
  Condition arrived_;
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::set<std::uint64_t> sent_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::vector<Answer>> answers_ GUARDED_BY(mutex_);
  std::vector<Notice> notices_ GUARDED_BY(mutex_);
  std::thread reader_;
};

}  // namespace glancefs::test
