#include "client/curl_exchange.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/fd.h"
#include "client/curl_failure.h"

namespace glancefs::client {
namespace {

constexpr std::size_t kMaxHead = std::size_t{256} * 1024;
constexpr std::size_t kMaxBody = std::size_t{64} * 1024 * 1024;
// The largest pieces that libcurl reads and that Sinks get: 16 KiB, its default, cost twice the
// time per byte.
constexpr long kBufferSize = 512L * 1024;
// A trickle is silence: fewer bytes than this in a whole silence_timeout do not count as progress.
constexpr std::size_t kProgressBytes = std::size_t{32} * 1024;
// Servers under uWSGI never send 100 Continue.
constexpr long kExpectWaitMs = 1000;
// Proxies commonly close an idle connection after 60 s.
constexpr long kMaxIdleSeconds = 55;
// Our own deadline for names comes before libcurl's, which would wait for its resolver thread.
constexpr double kResolveShare = 0.95;
constexpr std::chrono::milliseconds kLongestPoll{1000};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// HTTP/1.1 200 OK
int status_in(std::string_view line) {
  int status = 0;
  const std::size_t begin = std::min(line.find(' '), line.size() - 1) + 1;
  std::from_chars(line.data() + begin, line.data() + line.size(), status);
  return status;
}

std::string seconds_text(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

}  // namespace

CurlExchange::CurlExchange(CurlConnection& connection, const TransportConfig& config,
                           const Request& request, Operation operation, Source* source, Sink* sink)
    : connection_(connection),
      config_(config),
      request_(request),
      operation_(operation),
      source_(source),
      sink_(sink),
      started_(std::chrono::steady_clock::now()),
      progress_(started_) {
  connection_.reset();
  set_options();
  set_trust();
  set_body();
  set_headers();
}

CurlExchange::~CurlExchange() {
  // The handle may outlive us by a slow clean-up; it must not write here any more.
  curl_easy_setopt(connection_.easy(), CURLOPT_ERRORBUFFER, nullptr);
}

void CurlExchange::set_options() {
  connection_.set(CURLOPT_URL, request_.url.c_str());
  connection_.set(CURLOPT_ERRORBUFFER, error_text_.data());
  connection_.set(CURLOPT_NOSIGNAL, 1L);
  connection_.set(CURLOPT_PROTOCOLS_STR, "http,https");
  connection_.set(CURLOPT_FOLLOWLOCATION, 0L);
  connection_.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  connection_.set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  // The server's side of 100-continue, of resets and of early answers is known for 1.1 only.
  connection_.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  connection_.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  connection_.set(CURLOPT_CONNECTTIMEOUT_MS, long{config_.connect_timeout.count()});
  connection_.set(CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
  connection_.set(CURLOPT_TCP_KEEPALIVE, 1L);
  connection_.set(CURLOPT_BUFFERSIZE, kBufferSize);
  connection_.set(CURLOPT_HEADERFUNCTION, &CurlExchange::on_header);
  connection_.set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  connection_.set(CURLOPT_WRITEFUNCTION, &CurlExchange::on_body);
  connection_.set(CURLOPT_WRITEDATA, static_cast<void*>(this));
}

void CurlExchange::set_trust() {
  connection_.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  connection_.set(CURLOPT_SSL_VERIFYPEER, config_.verify ? 1L : 0L);
  connection_.set(CURLOPT_SSL_VERIFYHOST, config_.verify ? 2L : 0L);
  if (!config_.ca_file.empty()) {
    const bool directory = is_directory(config_.ca_file);
    connection_.set(directory ? CURLOPT_CAPATH : CURLOPT_CAINFO, config_.ca_file.c_str());
  }
  if (!config_.client_certificate.empty()) {
    connection_.set(CURLOPT_SSLCERT, config_.client_certificate.c_str());
  }
  if (!config_.client_key.empty()) connection_.set(CURLOPT_SSLKEY, config_.client_key.c_str());
}

void CurlExchange::set_body() {
  const std::string& method = request_.method;
  if (source_ != nullptr) {
    connection_.set(CURLOPT_UPLOAD, 1L);
    connection_.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(source_->size()));
    connection_.set(CURLOPT_READFUNCTION, &CurlExchange::on_read);
    connection_.set(CURLOPT_READDATA, static_cast<void*>(this));
    connection_.set(CURLOPT_SEEKFUNCTION, &CurlExchange::on_seek);
    connection_.set(CURLOPT_SEEKDATA, static_cast<void*>(this));
    connection_.set(CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
    connection_.set(CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectWaitMs);
  } else if (!request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    connection_.set(CURLOPT_POST, 1L);
    connection_.set(CURLOPT_POSTFIELDS, request_.body.data());
    connection_.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  } else if (method == "HEAD") {
    connection_.set(CURLOPT_NOBODY, 1L);
  }
  connection_.set(CURLOPT_CUSTOMREQUEST, method.c_str());
  // libcurl silently repeats a request whose kept connection died, though the server may have acted
  // on it. What must not happen twice unnoticed goes over a new connection, where it never does.
  if (!harmless_twice()) connection_.set(CURLOPT_FRESH_CONNECT, 1L);
}

// Reading, logging in, and creating under an id of our own.
bool CurlExchange::harmless_twice() const {
  return request_.method == "GET" || request_.method == "HEAD" || operation_ == Operation::kLogin ||
         operation_ == Operation::kCreate;
}

void CurlExchange::set_headers() {
  for (const auto& [name, value] : request_.headers.all()) {
    // "Name:" would tell libcurl to leave a header out; "Name;" sends it empty.
    connection_.add_header(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  // libcurl adds these by rules of its own.
  if (request_.headers.find("Accept") == nullptr) connection_.add_header("Accept:");
  if (request_.headers.find("Content-Type") == nullptr) connection_.add_header("Content-Type:");
  connection_.add_header(source_ != nullptr ? "Expect: 100-continue" : "Expect:");
  if (!config_.user_agent.empty() && request_.headers.find("User-Agent") == nullptr) {
    connection_.set(CURLOPT_USERAGENT, config_.user_agent.c_str());
  }
}

bool CurlExchange::resolving() const {
  curl_off_t looked_up = 0;
  curl_easy_getinfo(connection_.easy(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  return looked_up == 0;
}

CurlExchange::Deadline CurlExchange::deadline() const {
  const bool all_sent = source_ != nullptr && sent_ == source_->size();
  const auto silence = all_sent ? config_.upload_answer_timeout : config_.silence_timeout;
  Deadline first{progress_ + silence, "no answer in " + seconds_text(silence)};
  if (head_complete_) first.reason = "nothing came for " + seconds_text(silence);
  if (request_.time_limit && started_ + *request_.time_limit < first.at) {
    first = {started_ + *request_.time_limit,
             "not done after " + seconds_text(*request_.time_limit)};
  }
  if (resolving()) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(
        config_.connect_timeout * kResolveShare);
    if (started_ + limit < first.at) {
      first = {started_ + limit,
               "no answer from the name server in " + seconds_text(config_.connect_timeout)};
    }
  }
  return first;
}

void CurlExchange::transfer(const std::stop_token& stop) {
  connection_.start();
  const std::stop_callback wake(stop, [this] { connection_.wake(); });
  int running = 1;
  while (true) {
    if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
    if (curl_multi_perform(connection_.multi(), &running) != CURLM_OK) {
      fail(Failure::kProtocol, "libcurl gave up");
    }
    if (running == 0) return;
    const auto now = std::chrono::steady_clock::now();
    const Deadline limit = deadline();
    if (now >= limit.at) fail(Failure::kTimeout, limit.reason);
    const auto wait =
        std::min(kLongestPoll, std::chrono::ceil<std::chrono::milliseconds>(limit.at - now));
    curl_multi_poll(connection_.multi(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

CURLcode CurlExchange::result() const {
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(connection_.multi(), &left);
  return message != nullptr && message->msg == CURLMSG_DONE ? message->data.result
                                                            : CURLE_GOT_NOTHING;
}

Response CurlExchange::run(const std::stop_token& stop) {
  transfer(stop);
  const CURLcode code = result();
  if (thrown_) std::rethrow_exception(thrown_);
  if (!violation_.empty()) fail(Failure::kProtocol, violation_);
  // A refusal that came while we were still sending is an answer, however the rest went.
  const bool answered_early = source_ != nullptr && head_complete_ && !succeeded();
  if (code != CURLE_OK && !answered_early) {
    const std::string text = error_text_.substr(0, error_text_.find('\0'));
    const auto [failure, message] =
        curl_failure(connection_.easy(), code, text, config_.connect_timeout);
    fail(failure, message);
  }
  if (!head_complete_) fail(Failure::kProtocol, "no answer");
  connection_.finish();
  return std::move(response_);
}

void CurlExchange::fail(Failure failure, const std::string& message) const {
  const std::string url = request_.url.substr(0, request_.url.find('?'));
  throw HttpError(operation_, failure, request_.method + " " + url, message);
}

void CurlExchange::progressed(std::size_t bytes, TimePoint callback_began) {
  const auto now = std::chrono::steady_clock::now();
  unaccounted_ += bytes;
  if (unaccounted_ >= kProgressBytes) {
    unaccounted_ = 0;
    progress_ = now;
  } else {
    progress_ += now - callback_began;  // our own disk is not the server's silence
  }
}

void CurlExchange::take_header(std::string_view line) {
  line = trimmed(line);
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    response_ = {};
    response_.status = status_in(line);
  } else if (line.empty()) {
    if (response_.status >= 200) end_head();
  } else if (colon != std::string_view::npos) {
    response_.headers.add(std::string(line.substr(0, colon)),
                          std::string(trimmed(line.substr(colon + 1))));
  }
}

void CurlExchange::end_head() {
  head_complete_ = true;
  progress_ = std::chrono::steady_clock::now();
  unaccounted_ = 0;
  const std::string* encoding = response_.headers.find("Content-Encoding");
  if (encoding != nullptr && !encoding->empty() && *encoding != "identity") {
    violation_ = "an encoding that was not asked for: " + *encoding;
  } else if (sink_ != nullptr && succeeded()) {
    sink_->begin(response_);
  }
}

void CurlExchange::take_body(std::span<const std::byte> bytes) {
  if (sink_ != nullptr && succeeded()) {
    sink_->write(bytes);
  } else if (response_.body.size() + bytes.size() > kMaxBody) {
    violation_ = fmt::format("the answer is longer than {} MiB", kMaxBody >> 20);
  } else {
    response_.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

std::size_t CurlExchange::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  const std::size_t length = size * count;
  const auto began = std::chrono::steady_clock::now();
  try {
    // What comes after the head are a chunked body's trailers.
    if (exchange.head_complete_) return length;
    exchange.head_bytes_ += length;
    if (exchange.head_bytes_ > kMaxHead) exchange.violation_ = "the answer's head is endless";
    if (exchange.violation_.empty()) exchange.take_header({data, length});
    exchange.progressed(length, began);
    return exchange.violation_.empty() ? length : 0;
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return 0;
  }
}

std::size_t CurlExchange::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  const std::size_t length = size * count;
  const auto began = std::chrono::steady_clock::now();
  try {
    exchange.take_body(std::as_bytes(std::span(data, length)));
    exchange.progressed(length, began);
    return exchange.violation_.empty() ? length : CURL_WRITEFUNC_ERROR;
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t CurlExchange::on_read(char* into, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  const auto began = std::chrono::steady_clock::now();
  try {
    const std::size_t length =
        exchange.source_->read(std::as_writable_bytes(std::span(into, size * count)));
    exchange.sent_ += length;
    if (length == 0 && exchange.sent_ < exchange.source_->size()) {
      // The server would wait for the rest of what Content-Length promised.
      throw_errno(EIO, "the body of the request ended too early");
    }
    exchange.progressed(length, began);
    return length;
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

int CurlExchange::on_seek(void* self, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  try {
    exchange.source_->restart();
    exchange.sent_ = 0;
    return CURL_SEEKFUNC_OK;
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_SEEKFUNC_FAIL;
  }
}

}  // namespace glancefs::client
