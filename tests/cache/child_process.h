// A second process for a test, which tells when it has got somewhere.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <utility>

#include "base/fd.h"

namespace glancefs::test {

/// Runs a function in a forked child. The child reports steps through a pipe and may wait for the
/// parent; it never returns into the test. Destroying it kills and reaps the child.
class ChildProcess {
 public:
  /// What the child sees of its parent.
  class Parent {
   public:
    Parent(int reports, int orders) : reports_(reports), orders_(orders) {}
    /// Tells the parent that a step is done.
    void report(char step = '.') const {
      if (::write(reports_, &step, 1) != 1) ::_exit(3);
    }
    /// Waits for the parent's next go_on(), or for its end.
    void wait() const {
      char order = 0;
      if (::read(orders_, &order, 1) != 1) ::_exit(4);
    }

   private:
    int reports_, orders_;
  };

  explicit ChildProcess(const std::function<void(const Parent&)>& work) {
    std::array<int, 2> reports{};
    std::array<int, 2> orders{};
    if (::pipe(reports.data()) != 0 || ::pipe(orders.data()) != 0) throw_errno(errno, "pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw_errno(errno, "fork");
    if (pid_ == 0) {
      ::close(reports[0]);
      ::close(orders[1]);
      try {
        work(Parent(reports[1], orders[0]));
      } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
        ::_exit(2);
      }
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    ::close(reports[1]);
    ::close(orders[0]);
    reports_ = Fd(reports[0]);
    orders_ = Fd(orders[1]);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill(); }

  /// Waits for the child's next report. 0: it has ended.
  char wait_for_report() const {
    char step = 0;
    return ::read(reports_.get(), &step, 1) == 1 ? step : '\0';
  }
  void go_on() const {
    const char order = '.';
    ASSERT_EQ(::write(orders_.get(), &order, 1), 1);
  }
  /// SIGKILL: no destructor and no flush in the child.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    join();
  }
  /// Waits for the child's end and returns its exit status; -1: killed.
  int join() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  Fd reports_, orders_;
};

}  // namespace glancefs::test
