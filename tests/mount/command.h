// Programs as a person runs them.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace glancefs::mount_test {

using Environment = std::map<std::string, std::string>;

struct Result {
  int code = -1;       ///< exit code; 128 + signal when one ended it
  std::string output;  ///< standard output and error, as they came
};

/// Runs `line` by sh with `environment` added to ours, and returns when it has ended. Killed, and a
/// failure of the test, after `limit`.
Result run(const std::string& line, const Environment& environment = {},
           std::chrono::seconds limit = std::chrono::seconds(30));

/// A program that runs beside the test; ended (TERM, after 10 s KILL) at the latest with this.
class Background {
 public:
  Background(const std::string& line, const Environment& environment);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  int pid() const noexcept { return pid_; }
  /// Waits until the output contains `text`; false when the program ends or 20 s pass before.
  bool wait_for_output(const std::string& text);
  /// What it has written so far.
  std::string output();
  void signal(int number);
  /// Waits until it ends, at most `limit`; -1: it runs on.
  int wait(std::chrono::seconds limit = std::chrono::seconds(20));

 private:
  void read_some(int timeout_ms);

  int pid_ = -1;
  int pipe_ = -1;
  int code_ = -1;
  std::string output_;
};

}  // namespace glancefs::mount_test
