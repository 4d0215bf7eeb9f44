#include "fs/write/upload_queue.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "fs/waker.h"

namespace glancefs::fs {
UploadQueue::UploadQueue(std::size_t most, std::function<void(const UploadPtr&)> send)
    : most_(most),
      send_(std::move(send)),
      senders_(most),
      worker_([this] { work(); }) {}

UploadQueue::~UploadQueue() { end(); }

std::vector<UploadQueue::UploadPtr> UploadQueue::end() {
  std::vector<UploadPtr> left;
  {
    const Lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
    while (sending_ > 0) changed_.wait(mutex_);
    for (const auto& [upload, due] : due_) {
      if (!due.patient) left.push_back(upload);
    }
    due_.clear();
  }
  if (worker_.joinable()) worker_.join();
  return left;
}

UploadQueue::Place UploadQueue::enter(const std::stop_token& stop) {
  const Waker waker(stop, mutex_, changed_);
  const Lock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  waiting_.push_back(ticket);
  while ((waiting_.front() != ticket || taken_ >= most_) && !stop.stop_requested()) {
    changed_.wait(mutex_);
  }
  waiting_.remove(ticket);
  changed_.notify_all();
  if (stop.stop_requested()) throw_errno(ECANCELED, "stopped before the upload began");
  ++taken_;
  return Place(*this);
}

void UploadQueue::leave() noexcept {
  const Lock lock(mutex_);
  --taken_;
  changed_.notify_all();
}

void UploadQueue::later(const UploadPtr& upload, std::chrono::milliseconds delay, bool patient) {
  const Lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  due_.insert_or_assign(upload,
                        Due{.time = hurried_ && !patient ? now : now + delay, .patient = patient});
  changed_.notify_all();
}

void UploadQueue::forget(const UploadPtr& upload) {
  const Lock lock(mutex_);
  due_.erase(upload);
  changed_.notify_all();
}

bool UploadQueue::idle() const {
  const bool nothing_due =
      std::ranges::all_of(due_, [](const auto& due) { return due.second.patient; });
  return nothing_due && waiting_.empty() && taken_ == 0 && sending_ == 0;
}

bool UploadQueue::drain(Time until, const std::stop_token& stop) {
  const Waker waker(stop, mutex_, changed_);
  const Lock lock(mutex_);
  hurried_ = true;
  for (auto& [upload, due] : due_) {
    if (!due.patient) due.time = std::chrono::steady_clock::now();
  }
  changed_.notify_all();
  while (!idle() && !stop.stop_requested()) {
    if (!changed_.wait_until(mutex_, until)) break;
  }
  return idle();
}

void UploadQueue::work() {
  const Lock lock(mutex_);
  while (!ending_) {
    const auto first =
        std::ranges::min_element(due_, {}, [](const auto& due) { return due.second.time; });
    if (first == due_.end()) {
      changed_.wait(mutex_);
      continue;
    }
    if (first->second.time > std::chrono::steady_clock::now()) {
      changed_.wait_until(mutex_, first->second.time);
      continue;
    }
    const UploadPtr upload = first->first;
    due_.erase(first);
    ++sending_;
    try {
      senders_.run([this, upload] { send(upload); }, {});
    } catch (const std::system_error&) {  // not even one thread is to be had
      --sending_;
      due_.insert_or_assign(upload,
                            Due{std::chrono::steady_clock::now() + std::chrono::seconds(1), false});
    }
  }
}

void UploadQueue::send(const UploadPtr& upload) {
  send_(upload);
  const Lock lock(mutex_);
  --sending_;
  changed_.notify_all();
}

}  // namespace glancefs::fs
