// Places for uploads: how many, in which order, and what draining leaves.
#include "fs/write/upload_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

#include "fs/write/upload.h"
#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Time = UploadQueue::Time;

// Places and times are all it knows of uploads.
UploadQueue::UploadPtr some_upload() {
  static const test::TemporaryDirectory directory;
  static const auto spools = cache::open_spools(directory / "state", 0);
  return std::make_shared<Upload>(spools->create({}), client::Image{}, false);
}

void nothing(const UploadQueue::UploadPtr& /*upload*/) {}

TEST(UploadQueue, WhoComesFirstGetsTheFirstPlace) {
  UploadQueue queue(1, nothing);
  auto first = std::make_unique<UploadQueue::Place>(queue.enter({}));
  std::stop_source stop;
  auto second = std::async(std::launch::async, [&] { return queue.enter(stop.get_token()); });
  EXPECT_EQ(second.wait_for(milliseconds(0)), std::future_status::timeout);
  stop.request_stop();
  EXPECT_EQ(errno_thrown([&] { second.get(); }), EINTR);
  auto third = std::async(std::launch::async, [&] { return queue.enter({}); });
  first.reset();
  third.get();
}

TEST(UploadQueue, SendsAfterTheDelayOnThreadsOfItsOwn) {
  std::promise<UploadQueue::UploadPtr> sent;
  UploadQueue queue(2, [&](const auto& upload) { sent.set_value(upload); });
  const auto upload = some_upload();
  queue.later(some_upload(), hours(1));
  queue.later(upload, milliseconds(1));
  EXPECT_EQ(sent.get_future().get(), upload);
}

TEST(UploadQueue, ForgetsWhatIsNotToBeSent) {
  std::atomic<int> sent = 0;
  UploadQueue queue(1, [&](const auto&) { ++sent; });
  const auto upload = some_upload();
  queue.later(upload, hours(1));
  queue.forget(upload);
  EXPECT_TRUE(queue.drain(Time::max(), {}));
  EXPECT_EQ(sent, 0);
}

TEST(UploadQueue, DrainingSendsAtOnceAndWaits) {
  std::atomic<int> sent = 0;
  UploadQueue queue(2, [&](const auto&) { ++sent; });
  for (int i = 0; i < 5; ++i) queue.later(some_upload(), hours(1));
  EXPECT_TRUE(queue.drain(Time::max(), {}));
  EXPECT_EQ(sent, 5);
  queue.later(some_upload(), hours(1));
  EXPECT_TRUE(queue.drain(Time::max(), {})) << "what comes now does not wait either";
  EXPECT_EQ(sent, 6);
}

TEST(UploadQueue, DrainingEndsInTimeAndOnDemand) {
  UploadQueue queue(1, nothing);
  const UploadQueue::Place place = queue.enter({});
  EXPECT_FALSE(queue.drain(std::chrono::steady_clock::now(), {}));
  std::stop_source stop;
  auto draining =
      std::async(std::launch::async, [&] { return queue.drain(Time::max(), stop.get_token()); });
  stop.request_stop();
  EXPECT_FALSE(draining.get());
}

}  // namespace
}  // namespace glancefs::fs
