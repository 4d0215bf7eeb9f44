// HTTP as the rest of the client sees it: requests, answers, where bytes come from and go to, and
// the error an exchange ends with. The seam is Transport; curl_transport.h is the real one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace glancefs::client {

/// A part of an image, in bytes. Never empty.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const ByteRange&) const = default;
};

/// Header fields in order; names compare without case (uWSGI answers in lower case).
class Headers {
 public:
  void add(std::string name, std::string value);
  /// The first field called `name`; null when there is none.
  const std::string* find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method = "GET";
  std::string url;  ///< absolute; http or https
  Headers headers;
  std::string body;  ///< ignored when a Source is given
  /// An upper bound for the whole exchange; none: only connecting and silence are bounded, as
  /// befits transfers of unknown length.
  std::optional<std::chrono::milliseconds> time_limit;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;  ///< empty where a Sink took it
};

/// Takes the body of a 2xx answer, in order. Called on the thread that performs the exchange.
/// Whatever it throws ends the exchange at once and reaches the caller of perform().
class Sink {
 public:
  virtual ~Sink() = default;
  /// Once, before the first byte, with status and headers: the place to refuse an answer that is
  /// not what was asked for.
  virtual void begin(const Response& head) { static_cast<void>(head); }
  virtual void write(std::span<const std::byte> bytes) = 0;
};

/// Gives a request's body. Called on the thread that performs the exchange.
class Source {
 public:
  virtual ~Source() = default;
  /// Fills `into` from the front and returns how many bytes; 0 only at the end.
  virtual std::size_t read(std::span<std::byte> into) = 0;
  /// Begins again at the first byte: the exchange is being repeated.
  virtual void restart() = 0;
  /// Bytes in all; sent as Content-Length.
  virtual std::uint64_t size() const = 0;
};

/// Why no answer came.
enum class Failure {
  kNone,      ///< an answer came: see status
  kResolve,   ///< the host has no address
  kConnect,   ///< refused or unreachable
  kTimeout,   ///< silence, or the time limit
  kTls,       ///< certificate not trusted, or no TLS spoken
  kProtocol,  ///< reset, cut short, or not HTTP
};

/// What a request was for: the same status means different things to different operations.
enum class Operation {
  kLogin,
  kList,
  kShow,
  kDownload,
  kCreate,
  kUpload,
  kUpdate,
  kRemove,
  kAction,  ///< deactivate, members, stores, imports
  kOther,
};

/// The server answered no, or did not answer. code() is the errno that a file operation reports for
/// it, from the one table in http_error.cc; what() is a readable line without secrets and markup.
class HttpError : public std::system_error {
 public:
  /// An answer other than 2xx, or a 2xx that is not what was asked for. `message` is the server's
  /// text, cleaned by error_message().
  HttpError(Operation operation, int status, const std::string& request, std::string message,
            std::string request_id, bool from_frontend = false);
  /// No answer.
  HttpError(Operation operation, Failure failure, const std::string& request, std::string message);

  int status() const noexcept { return status_; }
  Failure failure() const noexcept { return failure_; }
  Operation operation() const noexcept { return operation_; }
  /// The server's words alone, for showing beside our own.
  const std::string& message() const noexcept { return message_; }
  /// X-Openstack-Request-Id of the answer (or ours, which servers echo); empty when none.
  const std::string& request_id() const noexcept { return request_id_; }

 private:
  Operation operation_;
  int status_ = 0;
  Failure failure_ = Failure::kNone;
  std::string message_;
  std::string request_id_;
};

/// The table of GLANCE's answers: status and operation to errno. `message` tells apart the meanings
/// of 403 and 413; `from_frontend` says that the body was a proxy's page, not Glance's JSON.
int errno_of_status(Operation operation, int status, std::string_view message, bool from_frontend);
int errno_of_failure(Operation operation, Failure failure);

/// The readable part of an error answer: JSON of Glance or Keystone, an HTML page, or plain text;
/// without markup, on one line, at most 300 characters.
std::string error_message(const Response& response);

/// Makes HTTP exchanges. Thread-safe: any number at once. Never follows a redirect, never retries,
/// except that a kept connection which turns out dead before any answer is replaced once, for GET,
/// HEAD, kLogin and kCreate; other requests always get a new connection, so that none of them is
/// ever made twice unnoticed.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Makes one exchange and returns when the whole answer has been read; any status is an answer.
  /// A 2xx body goes to `sink` if there is one, every other body (up to 64 MiB) to Response::body.
  /// `source` gives the request's body: Content-Length is its size(), and Expect: 100-continue is
  /// sent, so that a refusal costs no upload. A body shorter than announced is a failure.
  /// Throws HttpError when no answer came, system_error(ECANCELED) soon after `stop` is requested,
  /// and whatever `sink` or `source` throws.
  virtual Response perform(const Request& request, Operation operation, Source* source, Sink* sink,
                           std::stop_token stop) = 0;
};

}  // namespace glancefs::client
