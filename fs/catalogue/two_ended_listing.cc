#include "fs/catalogue/two_ended_listing.h"

#include <future>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "client/uuid.h"
#include "fs/any_stop.h"

namespace glancefs::fs {
namespace {

// Where both ends bring what they find. Each of them brings it without a gap, so when one brings
// what the other has brought there is nothing between them any more.
class Meeting {
 public:
  explicit Meeting(const std::function<void(client::ImagePtr)>& each) : each_(each) {}

  /// How many there are now.
  std::size_t add(client::Image&& image) {
    const Lock lock(mutex_);
    if (!seen_.insert(client::uuid_of(image.id)).second) {
      over_.request_stop();
    } else {
      each_(std::make_shared<const client::Image>(std::move(image)));
    }
    return seen_.size();
  }
  /// One end has come to the other.
  void end() { over_.request_stop(); }
  bool is_over() const { return over_.stop_requested(); }
  std::stop_token over() const { return over_.get_token(); }

 private:
  const std::function<void(client::ImagePtr)>& each_;
  std::stop_source over_;
  Mutex mutex_;
  std::unordered_set<client::Uuid, client::UuidHash> seen_ GUARDED_BY(mutex_);
};

bool is_stop(const std::system_error& error) {
  return error.code() == std::errc::operation_canceled;
}

void list_from_the_oldest(client::Images& images, client::ListQuery query, Meeting& meeting,
                          const std::stop_token& stop) {
  query.oldest_first = true;
  try {
    images.list(
        query, [&](client::Image&& image) { meeting.add(std::move(image)); }, stop);
    meeting.end();
  } catch (const std::system_error& error) {
    // The way from the newest goes on, to what this has brought or to the end.
    if (!is_stop(error)) log::debug("listing from the oldest on: {}", error.what());
  }
}

}  // namespace

void list_from_both_ends(client::Images& images, const client::ListQuery& query,
                         const std::function<void(client::ImagePtr)>& each,
                         const std::stop_token& stop) {
  Meeting meeting(each);
  const AnyStop any(stop, meeting.over(), {});
  std::future<void> other;  // waits for its thread, also when an exception passes
  const auto add = [&](client::Image&& image) {
    if (meeting.add(std::move(image)) < kLongListing || other.valid()) return;
    other = std::async(std::launch::async, [&images, &query, &meeting, token = any.token()] {
      list_from_the_oldest(images, query, meeting, token);
    });
  };
  try {
    images.list(query, add, any.token());
    meeting.end();
  } catch (const std::system_error& error) {
    const bool met = is_stop(error) && meeting.is_over() && !stop.stop_requested();
    meeting.end();
    if (!met) throw;
  } catch (...) {
    meeting.end();
    throw;
  }
  if (other.valid()) other.get();
}

}  // namespace glancefs::fs
