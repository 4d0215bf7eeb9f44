#include "client/image_download.h"

#include <string>
#include <utility>

#include "base/log.h"
#include "client/glance_request.h"
#include "client/retry.h"

namespace glancefs::client {
namespace {

// A download may be taken up again this often in all, however much it has progressed between.
constexpr int kMaxResumptions = 100;

// How often a download is taken up again.
class Patience {
 public:
  explicit Patience(const RetryPolicy& policy) : policy_(policy) {}
  /// An answer broke off; `progressed`: it brought something.
  void spend(bool progressed) noexcept {
    failures_ = progressed ? 0 : failures_ + 1;
    ++answers_;
  }
  bool over() const noexcept {
    return failures_ >= policy_.attempts || answers_ >= kMaxResumptions;
  }
  /// A wrong answer came; true: not the first.
  bool offended() noexcept { return std::exchange(offended_, true); }
  std::chrono::milliseconds pause() const {
    return pause_before_retry(policy_, failures_ + 1, std::nullopt, random_jitter());
  }

 private:
  const RetryPolicy policy_;
  int failures_ = 0;  // since the last progress
  int answers_ = 0;
  bool offended_ = false;
};

// One answer. True: try again.
bool take_answer(Session& session, TransferGuard& guard, std::string_view id, bool ranged,
                 std::stop_token stop) {
  Request request = request_for("GET", image_path(id) + "/file");
  if (ranged) {
    guard.expect_range();
    request.headers.add("Range", "bytes=" + std::to_string(guard.position()) + "-" +
                                     std::to_string(guard.end() - 1));
  } else {
    guard.expect_whole();
  }
  session.call(std::move(request), Operation::kDownload, false, nullptr, &guard, std::move(stop));
  // Some frontends leave the length out and close too early.
  return !guard.complete();
}

// One answer, and what it means for the next. True: try again.
bool take_step(Session& session, TransferGuard& guard, std::string_view id, bool ranged,
               Patience& patience, const std::stop_token& stop) {
  const std::uint64_t before = guard.position();
  try {
    if (!take_answer(session, guard, id, ranged, stop)) return false;
  } catch (const WrongAnswer& error) {
    if (patience.offended()) throw;
    log::warning("{}; trying once more", error.what());
    return true;
  } catch (const HttpError& error) {
    patience.spend(guard.position() != before);
    if (!may_pass(error) || patience.over()) throw;
    log::info("{}; going on at byte {}", error.what(), guard.position());
    return true;
  }
  patience.spend(guard.position() != before);
  if (patience.over()) {
    throw HttpError(Operation::kDownload, Failure::kProtocol, guard.request(),
                    "the data is shorter than the record says");
  }
  return true;
}

}  // namespace

void download_image(Session& session, TransferGuard& guard, std::string_view id, bool ranged,
                    const std::stop_token& stop) {
  Patience patience(session.retry());
  while (take_step(session, guard, id, ranged, patience, stop)) pause(patience.pause(), stop);
}

}  // namespace glancefs::client
