// What the services saw: a log of requests, and waiting for it to change.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "tests/devcloud/faults.h"

namespace glancefs::devcloud {

struct LogEntry {
  Service service = Service::kGlance;
  std::string method;
  std::string path;     ///< as sent, without the query
  std::string pattern;  ///< the path with {id} for every UUID
  std::string query;
  std::string range;           ///< the Range header
  bool token = false;          ///< X-Auth-Token was sent
  int connection = 0;          ///< counted from 1
  int status = 0;              ///< 0: not answered (yet)
  std::uint64_t received = 0;  ///< body bytes of the request
  std::uint64_t sent = 0;      ///< body bytes of the answer
  bool finished = false;
};

/// The log. Thread-safe.
class Traffic {
 public:
  int connected();
  int connections() const;
  /// How many connections are open now.
  int open_connections() const;
  void disconnected();

  std::size_t begin(LogEntry entry);
  void received(std::size_t index, std::size_t bytes);
  void sent(std::size_t index, std::size_t bytes);
  void answered(std::size_t index, int status);
  void finished(std::size_t index);
  /// Something else that waiters may look at has changed.
  void changed();

  std::vector<LogEntry> log() const;
  /// Requests of `method` (empty: any) whose pattern equals `pattern` (empty: any).
  std::size_t count(std::string_view method, std::string_view pattern) const;
  void clear();

  /// Waits until `predicate` holds, asked anew after every change; false when `timeout` passed.
  bool wait_until(const std::function<bool()>& predicate, std::chrono::milliseconds timeout);

 private:
  mutable Mutex mutex_;
  Condition change_;
  std::uint64_t version_ GUARDED_BY(mutex_) = 0;
  int connections_ GUARDED_BY(mutex_) = 0;
  int open_ GUARDED_BY(mutex_) = 0;
  std::size_t cleared_ GUARDED_BY(mutex_) = 0;
  std::vector<LogEntry> log_ GUARDED_BY(mutex_);

  void bump() REQUIRES(mutex_);
  LogEntry* at(std::size_t index) REQUIRES(mutex_);
};

/// `path` with {id} for every segment that is a UUID.
std::string path_pattern(std::string_view path);

}  // namespace glancefs::devcloud
