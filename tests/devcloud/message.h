// Requests and answers as the handlers see them, and the way a handler refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/devcloud/blob.h"

namespace glancefs::devcloud {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The first field called `name`, without case; null when there is none.
const std::string* find_field(const Fields& fields, std::string_view name);
std::string lower(std::string_view text);
/// %XX undone; '+' means a blank where `plus_is_space`.
std::string url_decode(std::string_view text, bool plus_is_space);
std::string url_encode(std::string_view text);
Fields parse_query(std::string_view query);
bool iequals(std::string_view a, std::string_view b);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

struct Request {
  std::string method;
  std::string target;                 ///< as sent
  std::string path;                   ///< undecoded, without the query
  std::vector<std::string> segments;  ///< of the decoded path; an encoded slash splits, as in WSGI
  std::string query_string;
  Fields query;
  Fields headers;
  bool http11 = true;

  const std::string* header(std::string_view name) const { return find_field(headers, name); }
  /// The header's value, or `otherwise`.
  std::string header_or(std::string_view name, std::string otherwise) const;
};

struct Response {
  int status = 200;
  Fields headers;
  std::string body;
  /// Body taken from here instead: [offset, offset + length). Where the data ends early the
  /// connection stays open in silence until the client leaves.
  std::shared_ptr<const Blob> data;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool close = false;  ///< end the connection after it

  void set(std::string name, std::string value);
};

/// The reason phrase of a status.
std::string_view reason(int status);

/// A refusal, in the terms of WebOb: `explanation` is the first sentence (empty: the status's
/// stock text), `detail` what follows it.
class Problem : public std::runtime_error {
 public:
  Problem(int status, std::string explanation, std::string detail = {});

  int status() const noexcept { return status_; }
  const std::string& explanation() const noexcept { return explanation_; }
  const std::string& detail() const noexcept { return detail_; }
  Fields headers;
  bool plain = false;  ///< text/plain whatever the client accepts

 private:
  int status_;
  std::string explanation_;
  std::string detail_;
};

/// An unhandled exception of the application: an empty 500, and the connection ends.
class Crash : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace glancefs::devcloud
