#include "fs/executor.h"

#include <algorithm>
#include <system_error>
#include <utility>

// Whoever requests a stop runs our callback, on any thread and perhaps holding locks of its own; it
// takes mutex_ for a moment. That cannot deadlock, because of two rules:
//
//   - Nothing is called under mutex_ that could wait for such a thread. In particular no
//     stop_callback is made (it runs at once when the stop has been requested before) or destroyed
//     (that waits until a callback in progress has ended, and this one may be waiting for mutex_)
//     while mutex_ is held. Jobs therefore travel as list nodes: linked and unlinked under the
//     lock, built and destroyed outside it.
//   - Nothing that is not ours is called under mutex_: jobs, and whatever they own, run and die
//     outside.

namespace glancefs::fs {

Executor::Executor(std::size_t most)
    : most_(std::max<std::size_t>(most, 1)),
      expediter_([this] { expedite(); }) {}

Executor::~Executor() {
  std::vector<std::thread> threads;
  {
    const Lock lock(mutex_);
    ending_ = true;
    threads.swap(threads_);
  }
  queued_.notify_all();
  for (std::thread& thread : threads) thread.join();
  // Only now: a job that held up the others may have needed its stop to end.
  {
    const Lock lock(mutex_);
    drained_ = true;
  }
  interrupted_.notify_all();
  expediter_.join();
}

void Executor::run(std::function<void()> work, std::stop_token stop) {
  std::list<Job> added;
  added.push_back({.work = std::move(work), .stop = stop, .wake = nullptr});
  if (stop.stop_possible()) {
    added.front().wake = std::make_unique<StopCallback>(stop, [this] { look_for_interrupted(); });
  }
  {
    const Lock lock(mutex_);
    // One thread for each job that none of the idle threads will take.
    if (jobs_.size() >= idle_ && threads_.size() < most_) add_thread();
    jobs_.splice(jobs_.end(), added);
  }
  queued_.notify_one();
  // The callback may have run before the job was in the list, and then nobody found it there.
  if (stop.stop_requested()) look_for_interrupted();
}

void Executor::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // The machine has no more threads. Those there are will do, if there are any.
    if (threads_.empty()) throw;
  }
}

void Executor::look_for_interrupted() {
  {
    const Lock lock(mutex_);
    urgent_ = true;
  }
  interrupted_.notify_one();
}

void Executor::perform(std::list<Job>& taken) {
  Job& job = taken.front();
  job.wake.reset();
  job.work();
  taken.clear();
}

void Executor::work() {
  std::list<Job> taken;
  for (;;) {
    {
      const Lock lock(mutex_);
      ++idle_;
      while (jobs_.empty() && !ending_) queued_.wait(mutex_);
      --idle_;
      if (jobs_.empty()) return;
      taken.splice(taken.begin(), jobs_, jobs_.begin());
    }
    perform(taken);
  }
}

void Executor::expedite() {
  std::list<Job> taken;
  for (;;) {
    {
      const Lock lock(mutex_);
      while (!urgent_ && !drained_) interrupted_.wait(mutex_);
      if (!urgent_) return;
      // One at a time: should it not end soon after all, the threads may still take the others.
      const auto found =
          std::ranges::find_if(jobs_, [](const Job& job) { return job.stop.stop_requested(); });
      urgent_ = found != jobs_.end();
      if (!urgent_) continue;
      taken.splice(taken.begin(), jobs_, found);
    }
    perform(taken);
  }
}

}  // namespace glancefs::fs
