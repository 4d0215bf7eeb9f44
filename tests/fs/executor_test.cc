#include "fs/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace glancefs::fs {
namespace {

using namespace std::chrono_literals;

// Long enough for a loaded machine; met only when something hangs.
constexpr auto kPatience = 30s;

// The order of declarations matters in each test: first what jobs refer to, then the executor,
// which joins its threads, then what blocks those.

// Occupies threads of an executor until it is let go.
class Blockade {
 public:
  ~Blockade() { lift(); }

  /// Returns when `count` jobs are running.
  void block(Executor& executor, std::ptrdiff_t count) {
    auto running = std::make_shared<std::latch>(count);
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      executor.run(
          [running, lifted = lifted_] {
            running->count_down();
            lifted.wait();
          },
          {});
    }
    running->wait();
  }
  void lift() {
    if (!std::exchange(is_lifted_, true)) lift_.set_value();
  }

 private:
  std::promise<void> lift_;
  std::shared_future<void> lifted_ = lift_.get_future().share();
  bool is_lifted_ = false;
};

void expect_done(const std::future<void>& done) {
  ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready);
}

TEST(Executor, RunsAJob) {
  std::promise<void> ran;
  Executor executor(1);
  executor.run([&] { ran.set_value(); }, {});
  expect_done(ran.get_future());
}

TEST(Executor, MakesAThreadForEachJobThatWouldWait) {
  Executor executor(8);
  Blockade blockade;
  blockade.block(executor, 8);  // returns only when all eight run at once
}

TEST(Executor, GivesEachOfTwoQuickJobsItsThread) {
  // The second must not count on the idle thread that the first is about to take.
  for (int round = 0; round < 50; ++round) {
    std::promise<void> warm;
    Executor executor(2);
    executor.run([&] { warm.set_value(); }, {});
    warm.get_future().wait();
    Blockade blockade;
    blockade.block(executor, 2);
  }
}

TEST(Executor, NeverRunsMoreJobsAtOnceThanItMay) {
  constexpr int kMost = 3;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  {
    Executor executor(kMost);
    for (int i = 0; i < 200; ++i) {
      executor.run(
          [&] {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
            std::this_thread::yield();
            --running;
          },
          {});
    }
  }
  EXPECT_LE(most, kMost);
  EXPECT_GE(most, 1);
}

TEST(Executor, RunsJobsInTheirOrder) {
  std::vector<int> order;
  {
    Executor executor(1);
    for (int i = 0; i < 100; ++i) {
      executor.run([&order, i] { order.push_back(i); }, {});
    }
  }
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(order.size(), 100U);
}

TEST(Executor, RunsAnInterruptedJobThoughAllThreadsAreBlocked) {
  std::promise<void> first;
  std::promise<bool> second;
  std::stop_source stop;
  Executor executor(2);
  Blockade blockade;
  blockade.block(executor, 2);
  executor.run([&] { first.set_value(); }, {});
  executor.run([&, token = stop.get_token()] { second.set_value(token.stop_requested()); },
               stop.get_token());
  stop.request_stop();
  std::future<bool> interrupted = second.get_future();
  ASSERT_EQ(interrupted.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(interrupted.get());
  std::future<void> waiting = first.get_future();
  EXPECT_EQ(waiting.wait_for(0s), std::future_status::timeout);
  blockade.lift();
  expect_done(waiting);
}

TEST(Executor, RunsAJobThatWasInterruptedBeforeItCame) {
  std::stop_source stop;
  std::promise<void> ran;
  Executor executor(1);
  Blockade blockade;
  blockade.block(executor, 1);
  stop.request_stop();
  executor.run([&] { ran.set_value(); }, stop.get_token());
  expect_done(ran.get_future());
}

TEST(Executor, RunsManyInterruptedJobsThoughAllThreadsAreBlocked) {
  std::stop_source stop;
  constexpr int kJobs = 300;
  std::latch ran(kJobs);
  Executor executor(1);
  Blockade blockade;
  blockade.block(executor, 1);
  for (int i = 0; i < kJobs; ++i) executor.run([&] { ran.count_down(); }, stop.get_token());
  stop.request_stop();
  ran.wait();
}

TEST(Executor, LeavesTheOthersToTheThreadsWhenAnInterruptedJobTakesLong) {
  std::stop_source stop;
  std::promise<void> stubborn_runs;
  std::promise<void> stubborn_ends;
  std::promise<void> ran;
  Executor executor(1);
  Blockade blockade;
  blockade.block(executor, 1);
  stop.request_stop();
  executor.run(
      [&] {
        stubborn_runs.set_value();
        stubborn_ends.get_future().wait();
      },
      stop.get_token());
  expect_done(stubborn_runs.get_future());
  executor.run([&] { ran.set_value(); }, stop.get_token());
  blockade.lift();
  expect_done(ran.get_future());
  stubborn_ends.set_value();
}

TEST(Executor, AsksForTheStopOfARunningJobWithoutHarm) {
  std::stop_source stop;
  std::promise<void> running;
  std::promise<void> ended;
  Executor executor(1);
  executor.run(
      [&, token = stop.get_token()] {
        running.set_value();
        std::promise<void> stopped;
        const std::stop_callback wake(token, [&] { stopped.set_value(); });
        stopped.get_future().wait();
        ended.set_value();
      },
      stop.get_token());
  running.get_future().wait();
  stop.request_stop();
  expect_done(ended.get_future());
}

TEST(Executor, DestructionRunsWhatIsQueued) {
  std::atomic<int> ran = 0;
  {
    Blockade blockade;
    Executor executor(2);
    blockade.block(executor, 2);
    for (int i = 0; i < 50; ++i) executor.run([&] { ++ran; }, {});
    blockade.lift();
  }
  EXPECT_EQ(ran, 50);
}

TEST(Executor, InterruptsStillCountDuringDestruction) {
  Blockade blockade;
  std::promise<void> ran;
  std::stop_source stop;
  std::optional<Executor> executor(1);
  blockade.block(*executor, 1);
  executor->run([&] { ran.set_value(); }, stop.get_token());
  std::thread destruction([&] { executor.reset(); });
  stop.request_stop();
  expect_done(ran.get_future());
  blockade.lift();
  destruction.join();
}

TEST(Executor, DestroysAJobRightAfterItRan) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  std::promise<void> next;
  Executor executor(1);
  executor.run([owned = std::move(owned)] { EXPECT_EQ(*owned, 1); }, {});
  executor.run([&] { next.set_value(); }, {});
  expect_done(next.get_future());
  EXPECT_TRUE(watched.expired());
}

TEST(Executor, LetsJobsStartOthers) {
  std::promise<void> ran;
  Executor executor(1);
  executor.run([&] { executor.run([&] { ran.set_value(); }, {}); }, {});
  expect_done(ran.get_future());
}

// Stops come from anywhere and at any time: while a job is being added, queued, taken, or run, and
// under a lock that other callers of run() hold, too.
TEST(Executor, SurvivesStopsAtAnyMoment) {
  constexpr int kCallers = 3;
  constexpr int kJobs = 400;
  std::atomic<int> ran = 0;
  {
    Executor executor(2);
    std::mutex outer;
    std::vector<std::thread> callers;
    for (unsigned seed = 0; seed < kCallers; ++seed) {
      callers.emplace_back([&, seed] {
        std::mt19937 random(seed);
        std::vector<std::stop_source> stops(kJobs);
        std::thread stopper([&] {
          for (std::stop_source& stop : stops) {
            const std::lock_guard lock(outer);
            stop.request_stop();
          }
        });
        for (const std::stop_source& stop : stops) {
          if (random() % 4 == 0) std::this_thread::yield();
          const std::lock_guard lock(outer);
          executor.run([&] { ++ran; }, stop.get_token());
        }
        stopper.join();
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(ran, kCallers * kJobs);
}

}  // namespace
}  // namespace glancefs::fs
