#include "fs/read/sealer.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace glancefs::fs {

Sealer::Sealer(bool in_passing, Proven proven, Done done)
    : in_passing_(in_passing),
      proven_(std::move(proven)),
      done_(std::move(done)),
      follower_([this] { follow_loop(); }),
      sealer_([this] { seal_loop(); }) {}

Sealer::~Sealer() {
  ending_.request_stop();
  {
    const Lock lock(mutex_);
    to_follow_changed_.notify_all();
    to_seal_changed_.notify_all();
  }
  follower_.join();
  sealer_.join();
}

void Sealer::follow(const ImageDataPtr& data) {
  const Lock lock(mutex_);
  if (std::ranges::find(to_follow_, data) != to_follow_.end()) return;
  to_follow_.push_back(data);
  to_follow_changed_.notify_one();
}

void Sealer::seal(const ImageDataPtr& data) {
  const Lock lock(mutex_);
  std::erase(to_follow_, data);
  to_seal_.push_back(data);
  to_seal_changed_.notify_one();
}

Sealer::ImageDataPtr Sealer::take(std::deque<ImageDataPtr>& queue, Condition& more) {
  while (queue.empty() && !ending_.stop_requested()) more.wait(mutex_);
  if (ending_.stop_requested()) return nullptr;
  ImageDataPtr first = std::move(queue.front());
  queue.pop_front();
  return first;
}

void Sealer::follow_loop() {
  // Hashing costs as much as fetching. If nobody waits for it, whoever reads or fetches comes
  // first.
  const sched_param none{};
  if (in_passing_) ::sched_setscheduler(0, SCHED_IDLE, &none);
  while (true) {
    ImageDataPtr data;
    {
      const Lock lock(mutex_);
      data = take(to_follow_, to_follow_changed_);
    }
    if (!data) return;
    data->blocks.prepare_seal(ending_.get_token());
  }
}

void Sealer::seal_loop() {
  while (true) {
    ImageDataPtr data;
    {
      const Lock lock(mutex_);
      data = take(to_seal_, to_seal_changed_);
    }
    if (!data) return;
    done_(data, data->blocks.seal(ending_.get_token(), [&] { proven_(data); }));
  }
}

}  // namespace glancefs::fs
