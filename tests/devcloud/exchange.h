// One request and its answer on a connection, with eventlet's habits: 100 Continue only when the
// handler begins to read, bodies nobody read are swallowed after the answer, and so on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tests/devcloud/faults.h"
#include "tests/devcloud/message.h"
#include "tests/devcloud/stream.h"
#include "tests/devcloud/traffic.h"

namespace glancefs::devcloud {

/// The body ended before its time, or its chunks are malformed.
class BrokenBody : public std::runtime_error {
 public:
  BrokenBody(const std::string& what, bool malformed)
      : std::runtime_error(what),
        malformed_(malformed) {}
  /// Chunk framing that cannot be parsed, rather than an early end.
  bool malformed() const noexcept { return malformed_; }

 private:
  bool malformed_;
};

/// The process that served the request is gone, and what it was doing stays as it is.
class WorkerKilled : public Disconnected {
 public:
  using Disconnected::Disconnected;
};

class Exchange {
 public:
  Exchange(Stream& stream, Traffic& traffic, Request request, FaultList faults,
           std::size_t log_index);

  const Request& request() const noexcept { return request_; }
  bool has_fault(Fault::Kind kind) const { return find_fault(faults_, kind) != nullptr; }
  const Fault* fault(Fault::Kind kind) const { return find_fault(faults_, kind); }

  /// The request's Content-Length, also where it is chunked as well.
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
  bool chunked() const noexcept { return chunked_; }
  /// Some body bytes; 0 at the end. Throws BrokenBody and Disconnected.
  std::size_t read_body(std::span<char> into);
  /// All of a small body.
  std::string whole_body();

  /// Waits out kDelay faults. Throws Disconnected when the client leaves.
  void delay();
  /// Writes the answer. True: the connection may serve another request.
  bool answer(const Response& response);

 private:
  std::size_t read_framed(std::span<char> into);
  std::size_t read_chunked(std::span<char> into);
  void continue_once();
  void before_body_bytes(std::size_t& room);
  bool discard_body();
  std::string head(const Response& response, std::uint64_t length, bool close) const;
  void send_data(const Response& response);
  void send_body(std::string_view bytes);
  void send_piece(std::string_view bytes);
  void body_fault(const ActiveFault& cut);
  const ActiveFault* cut() const;
  void stall(const ActiveFault& fault);

  Stream& stream_;
  Traffic& traffic_;
  Request request_;
  FaultList faults_;
  std::size_t log_index_;

  std::optional<std::uint64_t> content_length_;
  bool chunked_ = false;
  bool expects_ = false;        ///< 100-continue asked for and not sent
  std::uint64_t received_ = 0;  ///< body bytes, after undoing chunks
  std::uint64_t chunk_left_ = 0;
  bool body_ended_ = false;
  std::uint64_t sent_ = 0;
};

}  // namespace glancefs::devcloud
