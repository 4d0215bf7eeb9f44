// A Transport whose answers a test makes up.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"
#include "client/http.h"

namespace glancefs::test {

/// What comes back: an answer, perhaps broken off after `cut` bytes of its body.
struct Answer {
  client::Response response;
  std::optional<std::size_t> cut;
};

inline Answer answer(int status, std::string body = "{}",
                     std::vector<std::pair<std::string, std::string>> headers = {}) {
  Answer made;
  made.response.status = status;
  made.response.body = std::move(body);
  made.response.headers.add("Content-Type", "application/json");
  for (auto& [name, value] : headers) made.response.headers.add(name, std::move(value));
  return made;
}

/// Thread-safe. Keeps every request, and what Sources gave as their bodies.
class FakeTransport : public client::Transport {
 public:
  /// Called for each request, on the thread that makes it; may throw.
  using Handler = std::function<Answer(const client::Request&)>;
  explicit FakeTransport(Handler handler) : handler_(std::move(handler)) {}

  client::Response perform(const client::Request& request, client::Operation operation,
                           client::Source* source, client::Sink* sink,
                           std::stop_token stop) override {
    if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
    client::Request kept = request;
    if (source != nullptr) kept.body = drain(*source);
    {
      const Lock lock(mutex_);
      requests_.push_back(kept);
    }
    Answer made = handler_(kept);
    client::Response& response = made.response;
    const bool succeeded = response.status >= 200 && response.status < 300;
    if (sink != nullptr && succeeded) {
      const std::string body = std::exchange(response.body, {});
      sink->begin(response);
      const auto bytes = std::as_bytes(std::span(body));
      sink->write(bytes.first(std::min(made.cut.value_or(bytes.size()), bytes.size())));
    }
    if (made.cut) {
      throw client::HttpError(operation, client::Failure::kProtocol, request.method, "cut off");
    }
    return std::move(response);
  }

  std::vector<client::Request> requests() const {
    const Lock lock(mutex_);
    return requests_;
  }
  /// How many requests had this method and a URL with `part` in it.
  int count(const std::string& method, const std::string& part) const {
    const Lock lock(mutex_);
    return static_cast<int>(std::ranges::count_if(requests_, [&](const client::Request& request) {
      return request.method == method && request.url.find(part) != std::string::npos;
    }));
  }

 private:
  static std::string drain(client::Source& source) {
    std::string text;
    std::vector<std::byte> piece(4096);
    while (const std::size_t size = source.read(piece)) {
      text.append(reinterpret_cast<const char*>(piece.data()), size);
    }
    return text;
  }

  const Handler handler_;
  mutable Mutex mutex_;
  std::vector<client::Request> requests_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::test
