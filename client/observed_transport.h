// A Transport that tells how each exchange went: for the log and for metrics.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/http.h"

namespace glancefs::client {

/// How one exchange ended.
struct Exchange {
  const Request& request;
  Operation operation;
  int status = 0;                        ///< 0: no answer
  Failure failure = Failure::kNone;      ///< why there was none
  bool stopped = false;                  ///< ended because we wanted it to
  std::string request_id;                ///< the server's; empty: it sent none
  std::chrono::nanoseconds duration{0};  ///< from the request to the last byte
  std::uint64_t sent = 0, received = 0;  ///< bytes of bodies
};

/// "200", "timeout" …: the status, or one word for why there is none.
std::string result_of(const Exchange& exchange);
/// What a request was for, in one word: "login", "list", "download" …
std::string_view name_of(Operation operation) noexcept;

/// Called on the threads that make exchanges, any number at once.
class ExchangeObserver {
 public:
  virtual ~ExchangeObserver() = default;
  /// Bytes of a body have passed; while a transfer runs, not at its end only.
  virtual void moved(std::uint64_t sent, std::uint64_t received) noexcept = 0;
  virtual void ended(const Exchange& exchange) noexcept = 0;
};

/// Hands everything on. Thread-safe. Both references must outlive it.
class ObservedTransport : public Transport {
 public:
  ObservedTransport(Transport& transport, ExchangeObserver& observer)
      : transport_(transport),
        observer_(observer) {}
  Response perform(const Request& request, Operation operation, Source* source, Sink* sink,
                   std::stop_token stop) override;

 private:
  Transport& transport_;
  ExchangeObserver& observer_;
};

/// Writes each exchange to the log, at level info: method, URL, status, duration and bytes; no
/// headers and no bodies. Passes everything to another observer.
class ExchangeLog : public ExchangeObserver {
 public:
  /// `next` must outlive it.
  explicit ExchangeLog(ExchangeObserver& next) : next_(next) {}
  void moved(std::uint64_t sent, std::uint64_t received) noexcept override {
    next_.moved(sent, received);
  }
  void ended(const Exchange& exchange) noexcept override;

 private:
  ExchangeObserver& next_;
};

/// `url` for people to read: without user and password, and without the values of query parameters
/// but those of Glance's and Keystone's own that hold no secret. A signed address has its signature
/// there.
std::string public_url(const std::string& url);

}  // namespace glancefs::client
