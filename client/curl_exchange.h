// One request and its answer on a CurlConnection.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "client/curl_connection.h"
#include "client/curl_transport.h"

namespace glancefs::client {

/// Lives on the stack of perform(). All references must outlive it.
class CurlExchange {
 public:
  CurlExchange(CurlConnection& connection, const TransportConfig& config, const Request& request,
               Operation operation, Source* source, Sink* sink);
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  /// Throws as Transport::perform().
  Response run(const std::stop_token& stop);

  /// Whether the host's name is still being looked up: libcurl waits for the end of that when the
  /// handle is cleaned up, however long the name server is silent.
  bool resolving() const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Deadline {
    TimePoint at;
    std::string reason;
  };

  void set_options();
  void set_trust();
  void set_body();
  bool harmless_twice() const;
  void set_headers();
  void transfer(const std::stop_token& stop);
  Deadline deadline() const;
  CURLcode result() const;
  [[noreturn]] void fail(Failure failure, const std::string& message) const;

  void take_header(std::string_view line);
  void end_head();
  void take_body(std::span<const std::byte> bytes);
  void progressed(std::size_t bytes, TimePoint callback_began);
  bool succeeded() const noexcept { return response_.status >= 200 && response_.status < 300; }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_read(char* into, std::size_t size, std::size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);

  CurlConnection& connection_;
  const TransportConfig& config_;
  const Request& request_;
  const Operation operation_;
  Source* const source_;
  Sink* const sink_;

  Response response_;
  bool head_complete_ = false;
  std::size_t head_bytes_ = 0;
  std::uint64_t sent_ = 0;
  std::exception_ptr thrown_;  // by a callback: nothing may unwind through libcurl
  std::string violation_;      // what the server did that ends the exchange
  TimePoint started_, progress_;
  std::size_t unaccounted_ = 0;  // bytes since progress_
  std::string error_text_ = std::string(CURL_ERROR_SIZE, '\0');
};

}  // namespace glancefs::client
