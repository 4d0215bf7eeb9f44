// Faults a test puts between the client and the services.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/devcloud/message.h"

namespace glancefs::devcloud {

enum class Service { kAny, kKeystone, kGlance };

/// One fault: which requests it meets and what happens to them.
struct Fault {
  enum class Kind {
    kDelay,              ///< wait `delay` before the request is looked at
    kAnswer,             ///< `status`, `headers`, `body` instead of the service's answer
    kLoseAnswer,         ///< do all that was asked, then reset instead of answering
    kThrottle,           ///< the answer's body at `bytes_per_second`
    kStall,              ///< silence after `after` body bytes, until released or the client leaves
    kReset,              ///< TCP reset after `after` body bytes
    kTruncate,           ///< orderly close after `after` body bytes
    kCorrupt,            ///< the body byte at `after` is inverted
    kIgnoreRange,        ///< a Range is answered by 200 with everything
    kWholeAs206,         ///< a Range is answered by 206 with everything
    kWrongContentRange,  ///< Content-Range names bytes shifted by one
    kRequestStall,       ///< stop reading after `after` body bytes of the request, until released
    kRequestReset,       ///< reset after `after` body bytes of the request
    kRequestKill,        ///< the same by the worker's death: it does not tidy up
  };
  Kind kind = Kind::kDelay;

  Service service = Service::kAny;
  std::string method;       ///< empty: any
  std::string path = ".*";  ///< regular expression, searched in the path with its query
  int skip = 0;             ///< the first so many matching requests pass
  int times = -1;           ///< then so many are hit; -1: all

  std::chrono::milliseconds delay{0};
  std::uint64_t after = 0;
  std::uint64_t bytes_per_second = 0;
  int status = 503;
  Fields headers;
  std::string body;
};

/// Ready-made faults for the common cases; set `method`, `path`, `times` on them.
Fault answer_fault(int status, std::string body = {}, Fields headers = {});
/// A 302 to `url`, as a captive portal or a moved frontend sends it.
Fault redirect_fault(std::string url);

/// A fault in force; lives as long as an exchange or the table holds it.
class ActiveFault {
 public:
  ActiveFault(int id, Fault fault);

  const Fault& fault() const noexcept { return fault_; }
  int id() const noexcept { return id_; }
  bool matches(Service service, const Request& request) const;
  /// Counts one matching request; true when it is to be hit.
  bool take();
  bool released() const;
  void release();
  int hits() const;

 private:
  int id_;
  Fault fault_;
  std::regex path_;
  mutable Mutex mutex_;
  int seen_ GUARDED_BY(mutex_) = 0;
  int hits_ GUARDED_BY(mutex_) = 0;
  bool released_ GUARDED_BY(mutex_) = false;
};

using FaultList = std::vector<std::shared_ptr<ActiveFault>>;

/// All faults in force. Thread-safe.
class FaultTable {
 public:
  int add(Fault fault);
  /// Out of force; whom it stalls goes on.
  void remove(int id);
  void clear();
  /// Lets go on whom it stalls; it stays in force for requests to come, which it does not stall.
  void release(int id);
  /// How many requests it has hit; 0 for an unknown id.
  int hits(int id) const;
  FaultList for_request(Service service, const Request& request) const;

 private:
  mutable Mutex mutex_;
  int next_id_ GUARDED_BY(mutex_) = 1;
  FaultList faults_ GUARDED_BY(mutex_);
};

/// The first fault of that kind, or null.
const Fault* find_fault(const FaultList& faults, Fault::Kind kind);

}  // namespace glancefs::devcloud
