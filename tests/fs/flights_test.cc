#include "fs/read/flights.h"

#include <gtest/gtest.h>

#include "cache/memory_store.h"

namespace glancefs::fs {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1024 * 1024;

class FlightsTest : public ::testing::Test {
 protected:
  std::shared_ptr<Reader> reader_of(const std::string& id) {
    auto image = std::make_shared<client::Image>();
    image->id = id;
    image->size = 1024 * kMiB;
    const cache::Key key = cache_key("test", *image);
    auto reader = std::make_shared<Reader>();
    reader->data = std::make_shared<ImageData>(image, Blocks(kept_->open(key), spare_->open(key)),
                                               Verify::kFull);
    images_.push_back(reader->data);
    return reader;
  }
  // An image and its flights hold one another.
  void TearDown() override {
    for (const auto& data : images_) data->flights.clear();
  }
  // What a read of 128 KiB at `offset` with so much read-ahead plans.
  void plan(const Reader& reader, std::uint64_t offset, std::uint64_t ahead) {
    flights_.plan(reader, {.offset = offset, .length = 128 * 1024},
                  {.offset = offset, .length = ahead});
  }
  std::shared_ptr<Flight> take() { return flights_.take(now_); }
  void land(const std::shared_ptr<Flight>& flight) {
    flight->position = flight->end;
    flights_.landed(flight, now_);
  }

  const std::unique_ptr<cache::Store> kept_ = cache::make_memory_store(kMiB);
  const std::unique_ptr<cache::Store> spare_ = cache::make_memory_store(kMiB);
  std::vector<std::shared_ptr<ImageData>> images_;
  Flights flights_{2};
  Flights::Time now_ = Flights::Time{} + 1h;
};

TEST_F(FlightsTest, WhatIsReadNowGoesFirst) {
  const auto a = reader_of("a");
  const auto b = reader_of("b");
  plan(*a, 0, 8 * kMiB);
  plan(*b, 0, kMiB);
  EXPECT_EQ(take()->data, a->data);
  EXPECT_EQ(take()->data, b->data) << "before the read-ahead of the first";
  EXPECT_EQ(take()->data, a->data);
}

TEST_F(FlightsTest, NothingIsPlannedTwice) {
  const auto a = reader_of("a");
  plan(*a, 0, 4 * kMiB);
  plan(*a, 0, 4 * kMiB);
  std::uint64_t bytes = 0;
  while (const auto flight = take()) bytes += flight->end - flight->begin;
  EXPECT_EQ(bytes, 4 * kMiB);
}

TEST_F(FlightsTest, AWaitingReaderStopsARunningReadAhead) {
  const auto a = reader_of("a");
  plan(*a, 0, 64 * kMiB);
  land(take());
  const auto first = take();
  const auto second = take();
  ASSERT_FALSE(first->demanded || second->demanded);
  plan(*reader_of("b"), 0, 256 * 1024);
  EXPECT_TRUE(second->stop.stop_requested()) << "the one that began last";
  EXPECT_FALSE(first->stop.stop_requested());
}

TEST_F(FlightsTest, ReadAheadEndsWithItsReader) {
  const auto a = reader_of("a");
  const auto other = std::make_shared<Reader>();
  other->data = a->data;
  plan(*a, 0, 8 * kMiB);
  plan(*other, 100 * kMiB, 8 * kMiB);
  const auto demanded = take();
  flights_.forget_wishes(*a);
  EXPECT_EQ(take()->begin, 100 * kMiB);
  while (const auto flight = take()) EXPECT_GT(flight->begin, 100 * kMiB);
  EXPECT_EQ(a->data->flight_at(4 * kMiB), nullptr);
}

TEST_F(FlightsTest, AStalledDownloadIsStoppedAndTheNextHasMoreTime) {
  const auto a = reader_of("a");
  plan(*a, 0, kMiB);
  const auto first = take();
  EXPECT_EQ(flights_.stop_stalled(now_ + 4s, 5s), now_ + 5s);
  first->position += 64 * 1024;
  EXPECT_EQ(flights_.stop_stalled(now_ + 5s, 5s), now_ + 10s) << "it got on";
  EXPECT_FALSE(first->stop.stop_requested());
  flights_.stop_stalled(now_ + 10s, 5s);
  EXPECT_TRUE(first->stop.stop_requested());
  flights_.landed(first, now_ + 10s);
  now_ += 10s;
  plan(*a, 64 * 1024, kMiB);
  const auto second = take();
  EXPECT_EQ(flights_.stop_stalled(now_ + 5s, 5s), now_ + 10s);
  EXPECT_FALSE(second->stop.stop_requested());
}

TEST_F(FlightsTest, NobodyLooksAfterNothing) {
  EXPECT_EQ(flights_.stop_stalled(now_, 5s), Flights::Time::max());
}

TEST_F(FlightsTest, RangesGrowWhileTheyAreDoneInNoTime) {
  const auto a = reader_of("a");
  const auto longest = [&] {
    std::uint64_t found = 0;
    plan(*a, 0, 512 * kMiB);
    while (const auto flight = take()) {
      found = std::max(found, flight->end - flight->begin);
      land(flight);
    }
    return found;
  };
  EXPECT_EQ(longest(), 16 * kMiB);
  EXPECT_EQ(longest(), 32 * kMiB);
  EXPECT_EQ(longest(), 64 * kMiB);
  EXPECT_EQ(longest(), 64 * kMiB);
}

class StreamsTest : public FlightsTest {
 protected:
  // How many of its read-ahead run at once.
  std::size_t at_once(const Reader& reader, std::uint64_t offset) {
    flights_.plan(reader, {.offset = offset, .length = 0},
                  {.offset = offset, .length = 128 * kMiB});
    std::size_t count = 0;
    while (flights_.take(now_)) ++count;
    return count;
  }
  void bring(const std::shared_ptr<Flight>& flight, std::chrono::milliseconds time) {
    flight->first = now_;
    now_ += time;
    flight->position = flight->end;
    flights_.landed(flight, now_);
  }
  void land_all() {
    for (const auto running = flights_.running(); const auto& flight : running) bring(flight, 10s);
  }
  std::shared_ptr<Flight> first_mebibyte(const Reader& reader) {
    flights_.plan(reader, {.offset = 0, .length = kMiB}, {.offset = 0, .length = kMiB});
    return flights_.take(now_);
  }

  Flights flights_{8};
};

TEST_F(StreamsTest, AFastOneIsEnoughButForTheNextToBeginMeanwhile) {
  const auto a = reader_of("a");
  bring(first_mebibyte(*a), 1ms);
  EXPECT_EQ(at_once(*a, kMiB), 2U);
  EXPECT_EQ(at_once(*reader_of("b"), kMiB), 8U) << "nothing is known of that image's store";
}

TEST_F(StreamsTest, ASlowOneIsJoinedByOthers) {
  const auto a = reader_of("a");
  bring(first_mebibyte(*a), 30ms);
  EXPECT_EQ(at_once(*a, kMiB), 8U);
}

TEST_F(StreamsTest, WhatHasBecomeSlowIsJoinedByOthersAgain) {
  const auto a = reader_of("a");
  bring(first_mebibyte(*a), 1ms);
  ASSERT_EQ(at_once(*a, kMiB), 2U);
  land_all();
  EXPECT_EQ(at_once(*a, 256 * kMiB), 8U);
}

}  // namespace
}  // namespace glancefs::fs
