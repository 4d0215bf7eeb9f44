#include "tests/devcloud/exchange.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>
#include <vector>

namespace glancefs::devcloud {
namespace {

using namespace std::chrono_literals;
using Kind = Fault::Kind;

constexpr std::size_t kPiece = 64 * 1024;

std::optional<std::uint64_t> to_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

Exchange::Exchange(Stream& stream, Traffic& traffic, Request request, FaultList faults,
                   std::size_t log_index)
    : stream_(stream),
      traffic_(traffic),
      request_(std::move(request)),
      faults_(std::move(faults)),
      log_index_(log_index) {
  if (const std::string* length = request_.header("Content-Length"))
    content_length_ = to_number(trim(*length), 10);
  chunked_ = lower(request_.header_or("Transfer-Encoding", "")) == "chunked";
  expects_ = lower(request_.header_or("Expect", "")) == "100-continue";
}

void Exchange::continue_once() {
  if (!expects_) return;
  expects_ = false;
  stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
}

// Request-side faults count body bytes: `room` shrinks to the next place where one acts.
void Exchange::before_body_bytes(std::size_t& room) {
  for (const auto& active : faults_) {
    const Fault& fault = active->fault();
    const bool stalls = fault.kind == Kind::kRequestStall && !active->released();
    const bool kills = fault.kind == Kind::kRequestKill;
    if (!stalls && !kills && fault.kind != Kind::kRequestReset) continue;
    if (received_ < fault.after) {
      room = std::min<std::uint64_t>(room, fault.after - received_);
    } else if (stalls) {
      stall(*active);
    } else {
      stream_.reset();
      if (kills) throw WorkerKilled("fault: the worker died while the body arrived");
      throw Disconnected("fault: reset while the body arrived");
    }
  }
}

std::size_t Exchange::read_body(std::span<char> into) {
  continue_once();
  if (body_ended_) return 0;
  std::size_t room = into.size();
  before_body_bytes(room);
  const std::size_t n = chunked_ ? read_chunked(into.first(room)) : read_framed(into.first(room));
  received_ += n;
  if (n == 0)
    body_ended_ = true;
  else
    traffic_.received(log_index_, n);
  return n;
}

std::size_t Exchange::read_framed(std::span<char> into) {
  const std::uint64_t left = content_length_.value_or(0) - received_;
  if (left == 0) return 0;
  const std::size_t n = stream_.read(into.first(std::min<std::uint64_t>(into.size(), left)));
  if (n == 0) throw BrokenBody("the body is shorter than Content-Length", false);
  return n;
}

std::size_t Exchange::read_chunked(std::span<char> into) {
  if (chunk_left_ == 0) {
    const std::string line = stream_.read_line(kPiece);
    if (line.empty()) throw BrokenBody("unexpected end of file while parsing chunked data", false);
    const auto size = to_number(trim(std::string_view(line).substr(0, line.find(';'))), 16);
    if (!size) throw BrokenBody("malformed chunk", true);
    chunk_left_ = *size;
    if (*size == 0) {
      stream_.read_line(kPiece);
      return 0;
    }
  }
  const std::size_t n = stream_.read(into.first(std::min<std::uint64_t>(into.size(), chunk_left_)));
  if (n == 0) throw BrokenBody("unexpected end of file while parsing chunked data", false);
  chunk_left_ -= n;
  if (chunk_left_ == 0) stream_.read_line(kPiece);
  return n;
}

std::string Exchange::whole_body() {
  std::string body;
  std::vector<char> piece(kPiece);
  while (const std::size_t n = read_body(piece)) body.append(piece.data(), n);
  return body;
}

bool Exchange::discard_body() {
  std::vector<char> piece(kPiece);
  try {
    while (read_body(piece) != 0) {
    }
  } catch (const BrokenBody&) {
    return false;
  }
  return true;
}

void Exchange::delay() {
  for (const auto& active : faults_) {
    if (active->fault().kind != Kind::kDelay) continue;
    if (stream_.gone_within(active->fault().delay)) throw Disconnected("left during a delay");
  }
}

void Exchange::stall(const ActiveFault& fault) {
  while (!fault.released())
    if (stream_.gone_within(10ms)) throw Disconnected("left during a stall");
}

std::string Exchange::head(const Response& response, std::uint64_t length, bool close) const {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  bool has_length = false;
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", name, value);
    has_length |= iequals(name, "Content-Length");
  }
  if (!has_length) head += fmt::format("Content-Length: {}\r\n", length);
  head += fmt::format("Date: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", fmt::gmtime(std::time(nullptr)));
  if (close)
    head += "Connection: close\r\n";
  else if (lower(request_.header_or("Connection", "")) == "keep-alive")
    head += "Connection: keep-alive\r\n";
  return head + "\r\n";
}

bool Exchange::answer(const Response& response) {
  if (has_fault(Kind::kLoseAnswer)) {
    stream_.reset();
    throw Disconnected("fault: the answer is lost");
  }
  const std::string connection = lower(request_.header_or("Connection", ""));
  const bool close = response.close || expects_ || connection == "close" ||
                     (!request_.http11 && connection != "keep-alive");
  const bool has_data = response.data != nullptr;
  stream_.write(head(response, has_data ? response.length : response.body.size(), close));
  traffic_.answered(log_index_, response.status);
  if (const ActiveFault* at_once = cut(); at_once != nullptr && at_once->fault().after == 0)
    body_fault(*at_once);
  if (request_.method != "HEAD") {
    if (has_data)
      send_data(response);
    else
      send_body(response.body);
  }
  if (close) return false;
  return discard_body();
}

void Exchange::send_data(const Response& response) {
  std::vector<char> piece(kPiece);
  for (std::uint64_t done = 0; done < response.length;) {
    const std::size_t want = std::min<std::uint64_t>(kPiece, response.length - done);
    const std::size_t n = response.data->read(response.offset + done, std::span(piece).first(want));
    if (n == 0) {  // the store's file is shorter than the record says
      while (!stream_.gone_within(1s)) {
      }
      throw Disconnected("the client gave up waiting for lost data");
    }
    send_body(std::string_view(piece.data(), n));
    done += n;
  }
}

// The fault, if any, that ends or stops the answer's body.
const ActiveFault* Exchange::cut() const {
  for (const auto& active : faults_) {
    const Kind kind = active->fault().kind;
    if (kind == Kind::kReset || kind == Kind::kTruncate ||
        (kind == Kind::kStall && !active->released()))
      return active.get();
  }
  return nullptr;
}

void Exchange::body_fault(const ActiveFault& cut) {
  if (cut.fault().kind == Kind::kStall) {
    stall(cut);
    return;
  }
  if (cut.fault().kind == Kind::kReset) stream_.reset();
  throw Disconnected("fault: the answer is cut");
}

void Exchange::send_body(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t n = bytes.size();
    const ActiveFault* at = cut();
    if (at != nullptr && at->fault().after > sent_)
      n = std::min<std::uint64_t>(n, at->fault().after - sent_);
    if (const Fault* slow = fault(Kind::kThrottle)) {
      n = std::min(n, std::max<std::size_t>(1, slow->bytes_per_second / 50));
      if (stream_.gone_within(20ms)) throw Disconnected("left during a throttled body");
    }
    send_piece(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (at != nullptr && sent_ >= at->fault().after) body_fault(*at);
  }
}

void Exchange::send_piece(std::string_view bytes) {
  const Fault* corrupt = fault(Kind::kCorrupt);
  if (corrupt != nullptr && corrupt->after >= sent_ && corrupt->after < sent_ + bytes.size()) {
    std::string changed(bytes);
    char& byte = changed.at(corrupt->after - sent_);
    byte = static_cast<char>(~static_cast<unsigned char>(byte));
    stream_.write(changed);
  } else {
    stream_.write(bytes);
  }
  sent_ += bytes.size();
  traffic_.sent(log_index_, bytes.size());
}

}  // namespace glancefs::devcloud
