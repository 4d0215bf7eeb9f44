#include "base/poll.h"

#include <algorithm>
#include <cerrno>

namespace glancefs {
namespace {

// poll(2) counts milliseconds in an int, which a far deadline does not fit in; then once more.
constexpr std::chrono::hours kLongestPoll{1};

}  // namespace

int poll_until(std::span<pollfd> fds, std::chrono::steady_clock::time_point deadline) noexcept {
  while (true) {
    const auto left = std::clamp<std::chrono::steady_clock::duration>(
        deadline - std::chrono::steady_clock::now(), std::chrono::seconds(0), kLongestPoll);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int count = ::poll(fds.data(), fds.size(), static_cast<int>(wait));
    if (count > 0 || (count < 0 && errno != EINTR)) return count;
    if (std::chrono::steady_clock::now() >= deadline) return 0;
  }
}

}  // namespace glancefs
