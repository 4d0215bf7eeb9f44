#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>

namespace glancefs {
namespace {

TEST(Mutex, ConditionWakesTheWaiter) {
  Mutex mutex;
  Condition changed;
  bool ready = false;
  std::thread other([&] {
    const Lock lock(mutex);
    ready = true;
    changed.notify_all();
  });
  {
    const Lock lock(mutex);
    while (!ready) changed.wait(mutex);
  }
  other.join();
  EXPECT_TRUE(ready);
}

TEST(Mutex, WaitUntilTellsThatTheTimeHasPassed) {
  Mutex mutex;
  Condition changed;
  const Lock lock(mutex);
  EXPECT_FALSE(changed.wait_until(mutex, std::chrono::steady_clock::now()));
}

TEST(Mutex, ALockCanBeLetGoAndTakenAgain) {
  Mutex mutex;
  Lock lock(mutex);
  lock.unlock();
  std::thread([&] { const Lock other(mutex); }).join();
  lock.lock();
}

}  // namespace
}  // namespace glancefs
