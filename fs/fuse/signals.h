// What the daemon does on signals.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <functional>

namespace glancefs::fs {

/// Each must be async-signal-safe; an empty one leaves its signal as it was.
struct SignalActions {
  std::function<void()> end;     ///< SIGTERM, SIGINT
  std::function<void()> reload;  ///< SIGHUP
  std::function<void()> report;  ///< SIGUSR1
};

/// While it lives, signals call their actions, and SIGPIPE is ignored; the former dispositions come
/// back afterwards. System calls that the signals interrupt are restarted. One at a time in a
/// process.
class Signals {
 public:
  explicit Signals(SignalActions actions);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Saved {
    int number;
    struct sigaction action;
  };
  void handle(int number, void (*handler)(int));

  const SignalActions actions_;
  std::array<Saved, 5> saved_{};
  std::size_t count_ = 0;
};

}  // namespace glancefs::fs
