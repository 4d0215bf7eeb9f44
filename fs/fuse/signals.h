// SIGTERM, SIGINT and SIGHUP end the mount in good order.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <functional>

namespace glancefs::fs {

/// While it lives, each of SIGTERM, SIGINT and SIGHUP calls `on_signal`, which must be
/// async-signal-safe, and SIGPIPE is ignored; the former dispositions come back afterwards. System
/// calls that the signals interrupt are restarted. One at a time in a process.
class ExitSignals {
 public:
  explicit ExitSignals(std::function<void()> on_signal);
  ~ExitSignals();
  ExitSignals(const ExitSignals&) = delete;
  ExitSignals& operator=(const ExitSignals&) = delete;

 private:
  struct Saved {
    int number;
    struct sigaction action;
  };
  void handle(int number, void (*handler)(int));

  std::function<void()> on_signal_;
  std::array<Saved, 4> saved_{};
  std::size_t count_ = 0;
};

}  // namespace glancefs::fs
