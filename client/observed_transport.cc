#include "client/observed_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace glancefs::client {
namespace {

using Clock = std::chrono::steady_clock;

// Counts what passes. Used only where there is a sink.
class CountedSink : public Sink {
 public:
  CountedSink(Sink* sink, Exchange& exchange, ExchangeObserver& observer)
      : sink_(sink),
        exchange_(exchange),
        observer_(observer) {}
  void begin(const Response& head) override {
    exchange_.status = head.status;
    sink_->begin(head);
  }
  void write(std::span<const std::byte> bytes) override {
    exchange_.received += bytes.size();
    observer_.moved(0, bytes.size());
    sink_->write(bytes);
  }

 private:
  Sink* const sink_;
  Exchange& exchange_;
  ExchangeObserver& observer_;
};

class CountedSource : public Source {
 public:
  CountedSource(Source* source, Exchange& exchange, ExchangeObserver& observer)
      : source_(source),
        exchange_(exchange),
        observer_(observer) {}
  std::size_t read(std::span<std::byte> into) override {
    const std::size_t size = source_->read(into);
    exchange_.sent += size;
    observer_.moved(size, 0);
    return size;
  }
  void restart() override { source_->restart(); }
  std::uint64_t size() const override { return source_->size(); }

 private:
  Source* const source_;
  Exchange& exchange_;
  ExchangeObserver& observer_;
};

void take_answer(Exchange& exchange, const Response& response, ExchangeObserver& observer) {
  exchange.status = response.status;
  const std::string* id = response.headers.find("X-Openstack-Request-Id");
  if (id != nullptr) exchange.request_id = id->substr(0, 64);
  if (response.body.empty()) return;
  exchange.received += response.body.size();
  observer.moved(0, response.body.size());
}

bool is_public_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 15> kPublic{
      "limit",      "marker",     "sort",      "sort_key",   "sort_dir",
      "updated_at", "created_at", "name",      "visibility", "member_status",
      "os_hidden",  "owner",      "protected", "status",     "include_stores"};
  return std::ranges::find(kPublic, name) != kPublic.end();
}

}  // namespace

std::string_view name_of(Operation operation) noexcept {
  switch (operation) {
    case Operation::kLogin:
      return "login";
    case Operation::kList:
      return "list";
    case Operation::kShow:
      return "show";
    case Operation::kDownload:
      return "download";
    case Operation::kCreate:
      return "create";
    case Operation::kUpload:
      return "upload";
    case Operation::kUpdate:
      return "update";
    case Operation::kRemove:
      return "remove";
    case Operation::kAction:
      return "action";
    case Operation::kOther:
      break;
  }
  return "other";
}

std::string result_of(const Exchange& exchange) {
  if (exchange.stopped) return "stopped";
  switch (exchange.failure) {
    case Failure::kResolve:
      return "resolve";
    case Failure::kConnect:
      return "connect";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kTls:
      return "tls";
    case Failure::kProtocol:
      return "protocol";
    case Failure::kNone:
      break;
  }
  // An answer that our own end did not take: the disk was full, or it was not what was asked for.
  const bool known = exchange.status >= 100 && exchange.status <= 599;
  return known ? std::to_string(exchange.status) : "unusable";
}

Response ObservedTransport::perform(const Request& request, Operation operation, Source* source,
                                    Sink* sink, std::stop_token stop) {
  Exchange exchange{.request = request, .operation = operation, .request_id = {}};
  CountedSink counted_sink(sink, exchange, observer_);
  CountedSource counted_source(source, exchange, observer_);
  const auto began = Clock::now();
  const auto end = [&] {
    if (source == nullptr && !request.body.empty()) {
      exchange.sent = request.body.size();
      observer_.moved(exchange.sent, 0);
    }
    exchange.duration = Clock::now() - began;
    observer_.ended(exchange);
  };
  try {
    Response response =
        transport_.perform(request, operation, source == nullptr ? nullptr : &counted_source,
                           sink == nullptr ? nullptr : &counted_sink, std::move(stop));
    take_answer(exchange, response, observer_);
    end();
    return response;
  } catch (const HttpError& error) {
    exchange.failure = error.failure();
    if (error.status() != 0) exchange.status = error.status();
    end();
    throw;
  } catch (const std::system_error& error) {
    exchange.stopped = error.code() == std::errc::operation_canceled;
    end();
    throw;
  } catch (...) {
    end();
    throw;
  }
}

std::string public_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
  const std::size_t at = url.substr(host, path - host).rfind('@');
  const std::size_t authority = at == std::string::npos ? host : host + at + 1;
  const std::size_t query = std::min(url.find('?', path), url.size());
  std::string text = url.substr(0, host) + url.substr(authority, query - authority);
  std::size_t begin = query;
  while (begin < url.size()) {
    const std::size_t end = std::min(url.find('&', begin + 1), url.size());
    const std::string_view part = std::string_view(url).substr(begin + 1, end - begin - 1);
    const std::size_t equals = part.find('=');
    text += url[begin];
    if (equals == std::string_view::npos || is_public_parameter(part.substr(0, equals))) {
      text += part;
    } else {
      text.append(part.substr(0, equals)).append("=***");
    }
    begin = end;
  }
  return text;
}

void ExchangeLog::ended(const Exchange& exchange) noexcept {
  next_.ended(exchange);
  if (!log::enabled(log::Level::kInfo)) return;
  try {
    const auto milliseconds = std::chrono::duration<double, std::milli>(exchange.duration).count();
    const std::string* ours = exchange.request.headers.find("X-OpenStack-Request-ID");
    log::write(log::Level::kInfo,
               fmt::format("{} {} {} {:.1f} ms, {} bytes sent, {} received{}",
                           exchange.request.method, public_url(exchange.request.url),
                           result_of(exchange), milliseconds, exchange.sent, exchange.received,
                           ours == nullptr ? std::string() : ", as " + *ours),
               {.request_id = exchange.request_id, .image = {}, .error = 0});
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): out of memory; a line is lost
  }
}

}  // namespace glancefs::client
