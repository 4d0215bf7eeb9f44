// Where the bytes of images come from, and what happens when they do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/read/fetcher.h"
#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using namespace std::chrono_literals;
using Call = test::FakeImages::Call;

constexpr std::uint64_t kSmall = 64 * 1024;

class Fetching : public ::testing::Test {
 protected:
  Fetcher& start() {
    fetcher_.emplace(config_, images_, *store_);
    return *fetcher_;
  }
  client::ImagePtr add(const std::string& data, const std::string& store = {}) {
    return std::make_shared<client::Image>(images_.add("image", data, [&](client::Image& image) {
      if (!store.empty()) image.properties.emplace_back("stores", store);
    }));
  }
  std::future<std::string> read_later(const std::shared_ptr<Reader>& reader, std::uint64_t offset,
                                      std::uint64_t size) {
    std::promise<std::string> answer;
    auto result = answer.get_future();
    fetcher_->read(reader, {.offset = offset, .length = size},
                   std::make_unique<KeptRead>(std::move(answer), std::stop_token{}));
    return result;
  }
  std::string read(const client::ImagePtr& image, std::uint64_t offset, std::uint64_t size) {
    const auto reader = fetcher_->open(image);
    auto answer = read_later(reader, offset, size);
    answer.wait();
    fetcher_->close(reader);
    return answer.get();
  }

  FetcherConfig config_{.endpoint = "http://glance", .connections = 4};
  test::FakeImages images_;
  std::unique_ptr<cache::Store> store_ = cache::make_memory_store(256ULL << 20);
  std::optional<Fetcher> fetcher_;
};

TEST_F(Fetching, AStoreThatLiesAboutRangesIsFoundOut) {
  const std::string data = pattern(3'000'000);
  const auto image = add(data, "liar");
  images_.lie_about_ranges(true);
  start();
  EXPECT_EQ(read(image, 2'000'000, 1000), data.substr(2'000'000, 1000));
  EXPECT_EQ(images_.calls(Call::kStream), 1);
}

TEST_F(Fetching, WhatIsLearntOfAStoreIsNotAskedAgain) {
  const std::string data = pattern(3'000'002);
  images_.refuse_ranges(true);
  start();
  EXPECT_EQ(read(add(data.substr(0, 3'000'000), "http"), 2'000'000, 10),
            data.substr(2'000'000, 10));
  const int asked = images_.calls(Call::kDownload);
  EXPECT_EQ(read(add(data.substr(0, 3'000'001), "http"), 2'000'000, 10),
            data.substr(2'000'000, 10));
  EXPECT_EQ(images_.calls(Call::kDownload), asked);
  images_.refuse_ranges(false);
  EXPECT_EQ(read(add(data, "file"), 2'000'000, 10), data.substr(2'000'000, 10));
  EXPECT_GT(images_.calls(Call::kDownload), asked) << "another store may do better";
  EXPECT_EQ(images_.calls(Call::kStream), 2);
}

TEST_F(Fetching, ZerosSayNothingAboutAStore) {
  const std::string data(3'000'000, '\0');
  start();
  const auto image = add(data);
  const auto reader = fetcher_->open(image);
  EXPECT_EQ(read_later(reader, 2'000'000, 10).get(), data.substr(0, 10));
  const int calls = images_.calls(Call::kDownload);
  EXPECT_EQ(read_later(reader, 1'500'000, 10).get(), data.substr(0, 10));
  EXPECT_EQ(images_.calls(Call::kDownload), calls + 1) << "and it is not asked again and again";
  EXPECT_EQ(images_.calls(Call::kStream), 0);
  fetcher_->close(reader);
}

TEST_F(Fetching, ASmallImageIsOneRequest) {
  const std::string data = pattern(200'000);
  start();
  EXPECT_EQ(read(add(data), 100'000, 10), data.substr(100'000, 10));
  EXPECT_EQ(images_.calls(Call::kDownload), 1);
}

TEST_F(Fetching, AStalledDownloadIsBegunAnew) {
  config_.stall_timeout = 20ms;
  const std::string data = pattern(kSmall);
  const auto image = add(data);
  images_.hold(Call::kDownload);
  start();
  const auto reader = fetcher_->open(image);
  auto answer = read_later(reader, 0, kSmall);
  ASSERT_TRUE(images_.wait_for_calls(Call::kDownload, 3));
  images_.release(Call::kDownload);
  EXPECT_EQ(answer.get(), data);
  fetcher_->close(reader);
}

TEST_F(Fetching, StrictServesNothingBeforeAllOfItIsProven) {
  config_.verify = Verify::kStrict;
  const std::string data = pattern(3'000'000);
  const auto image = add(data);
  std::string rotten = data;
  rotten[2'900'000] ^= 1;
  images_.set_data(image->id, rotten);
  start();
  EXPECT_EQ(errno_thrown([&] { read(image, 0, 10); }), EIO);
  images_.set_data(image->id, data);
  EXPECT_EQ(read(image, 0, 10), data.substr(0, 10));
}

TEST_F(Fetching, StrictRefusesWhatTheCacheCannotKeep) {
  config_.verify = Verify::kStrict;
  store_ = cache::make_memory_store(kSmall);
  const auto image = add(pattern(3'000'000));
  start();
  try {
    read(image, 0, 10);
    FAIL() << "served unproven";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EIO);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("verify=strict"));
  }
}

TEST_F(Fetching, LaterServesAtOnceAndRefusesWhatTurnedOutWrong) {
  config_.verify = Verify::kLater;
  const std::string data = pattern(500'000);
  const auto image = add(data);
  start();
  EXPECT_EQ(read(image, 0, 500'000), data);
  const auto wrong = add(data + "right");
  images_.set_data(wrong->id, data + "wrong");
  const auto reader = fetcher_->open(wrong);
  int error = 0;  // after two downloads and two hashes
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (error == 0 && std::chrono::steady_clock::now() < end) {
    error = errno_thrown([&] { read_later(reader, 0, 500'000).get(); });
  }
  EXPECT_EQ(error, EIO);
  fetcher_->close(reader);
}

TEST_F(Fetching, SequentialReadingAsksForLargeRanges) {
  const std::string data = pattern(48'000'000);
  const auto image = add(data);
  start();
  const auto reader = fetcher_->open(image);
  for (std::uint64_t at = 0; at < data.size(); at += 128 * 1024) {
    read_later(reader, at, std::min<std::uint64_t>(128 * 1024, data.size() - at)).get();
  }
  fetcher_->close(reader);
  EXPECT_LE(images_.ranges(image->id).size(), 40U) << "of more than 1 MiB on average";
}

TEST_F(Fetching, ALimitHolds) {
  config_.limit = 10'000'000;
  const std::string data = pattern(3'000'000);
  const auto image = add(data);
  start();
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(read(image, 0, data.size()), data);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 150ms);
}

}  // namespace
}  // namespace glancefs::fs
