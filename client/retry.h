// When a failed exchange is worth repeating, and how long to wait before: rules without a network.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "client/http.h"
#include "client/session.h"

namespace glancefs::client {

/// Whether an answer of this status may be different next time: 429 and 5xx but 501.
bool may_pass(int status) noexcept;
/// Whether an exchange that failed so may succeed next time. A certificate will not get better.
bool may_pass(Failure failure) noexcept;
bool may_pass(const HttpError& error) noexcept;

/// The pause before try number `attempt`+1, when `attempt` ≥ 1 have failed: first_pause doubled
/// each time up to longest_pause, scaled by `jitter` in [0,1) to between half and whole, so that
/// clients who failed together do not come back together. A server's `retry_after` is obeyed
/// instead, up to longest_pause.
std::chrono::milliseconds pause_before_retry(const RetryPolicy& policy, int attempt,
                                             std::optional<std::chrono::seconds> retry_after,
                                             double jitter) noexcept;

/// What a Retry-After header asks for: seconds, or a date, counted from the answer's own Date so
/// that no clock but the server's counts. nullopt when absent or neither; never negative.
std::optional<std::chrono::seconds> retry_after(const Headers& headers);

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::optional<std::chrono::sys_seconds> parse_http_date(const std::string& text);

/// Sleeps; ends early with system_error(ECANCELED) when `stop` is requested.
void pause(std::chrono::milliseconds duration, const std::stop_token& stop);

/// A number in [0,1) for pause_before_retry().
double random_jitter();

}  // namespace glancefs::client
