#include "client/retry.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <random>
#include <string_view>

#include "base/fd.h"
#include "base/mutex.h"

namespace glancefs::client {
namespace {

std::optional<std::chrono::sys_seconds> date_at(const Headers& headers, std::string_view name) {
  const std::string* text = headers.find(name);
  return text == nullptr ? std::nullopt : parse_http_date(*text);
}

}  // namespace

bool may_pass(int status) noexcept { return status == 429 || (status >= 500 && status != 501); }

bool may_pass(Failure failure) noexcept {
  switch (failure) {
    case Failure::kResolve:
    case Failure::kConnect:
    case Failure::kTimeout:
    case Failure::kProtocol:
      return true;
    case Failure::kNone:
    case Failure::kTls:
      break;
  }
  return false;
}

bool may_pass(const HttpError& error) noexcept {
  return error.status() != 0 ? may_pass(error.status()) : may_pass(error.failure());
}

std::chrono::milliseconds pause_before_retry(const RetryPolicy& policy, int attempt,
                                             std::optional<std::chrono::seconds> retry_after,
                                             double jitter) noexcept {
  if (retry_after) {
    // Compared in seconds: a hostile header must not overflow on the way to milliseconds.
    const auto longest = std::chrono::ceil<std::chrono::seconds>(policy.longest_pause);
    return std::min<std::chrono::milliseconds>(std::min(*retry_after, longest),
                                               policy.longest_pause);
  }
  auto whole = policy.first_pause;
  for (int i = 1; i < attempt && whole < policy.longest_pause; ++i) whole *= 2;
  whole = std::min(whole, policy.longest_pause);
  return std::chrono::duration_cast<std::chrono::milliseconds>(whole * (0.5 + jitter / 2));
}

std::optional<std::chrono::sys_seconds> parse_http_date(const std::string& text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // Sun, 06 Nov 1994 08:49:37 GMT
  constexpr std::size_t kLength = 29;
  if (text.size() != kLength || text.compare(3, 2, ", ") != 0 || text.compare(25, 4, " GMT") != 0) {
    return std::nullopt;
  }
  const auto* const month = std::ranges::find(kMonths, std::string_view(text).substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto digits = [&text](std::size_t at, std::size_t size) {
    int value = -1;
    const char* begin = text.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + size, value);
    return error == std::errc() && end == begin + size ? value : -1;
  };
  const std::array<int, 5> numbers{digits(5, 2), digits(12, 4), digits(17, 2), digits(20, 2),
                                   digits(23, 2)};
  if (std::ranges::any_of(numbers, [](int number) { return number < 0; })) return std::nullopt;
  const auto [day, year, hour, minute, second] = numbers;
  const std::chrono::year_month_day date{
      std::chrono::year(year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers) {
  const std::string* text = headers.find("Retry-After");
  if (text == nullptr) return std::nullopt;
  std::uint32_t seconds = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, seconds);
  if (error == std::errc() && rest == end) return std::chrono::seconds(seconds);
  const auto until = parse_http_date(*text);
  const auto now = date_at(headers, "Date");
  if (!until || !now) return std::nullopt;
  return std::max(*until - *now, std::chrono::seconds(0));
}

void pause(std::chrono::milliseconds duration, const std::stop_token& stop) {
  Mutex mutex;
  Condition changed;
  const std::stop_callback wake(stop, [&] {
    const Lock lock(mutex);
    changed.notify_all();
  });
  const auto end = std::chrono::steady_clock::now() + duration;
  const Lock lock(mutex);
  while (!stop.stop_requested() && changed.wait_until(mutex, end)) {
  }
  if (stop.stop_requested()) throw_errno(ECANCELED, "stopped while waiting to try again");
}

double random_jitter() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace glancefs::client
