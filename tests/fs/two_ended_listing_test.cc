// Long listings from both ends: everything once, whatever happens to one of the ends.
#include "fs/catalogue/two_ended_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <thread>

#include "base/fd.h"
#include "tests/support/fake_images.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using Call = test::FakeImages::Call;

// Lists in pages, with `before_page` called for each on the thread that gets it.
class PagedImages : public test::FakeImages {
 public:
  static constexpr std::size_t kPage = 1000;
  std::function<void(bool oldest_first, std::size_t page)> before_page = [](bool, std::size_t) {};

  void list(const client::ListQuery& query, const std::function<void(client::Image&&)>& each,
            std::stop_token stop) override {
    std::size_t count = 0;
    FakeImages::list(query,
                     [&](client::Image&& image) {
                       if (count % kPage == 0) {
                         if (stop.stop_requested()) throw_errno(ECANCELED, "list");
                         before_page(query.oldest_first, count / kPage);
                       }
                       ++count;
                       each(std::move(image));
                     },
                     {});
  }
};

class TwoEnded : public testing::Test {
 protected:
  void add(int count) {
    for (int i = 0; i < count; ++i) images_.add("i" + std::to_string(i), "");
  }
  /// How many different images came; fails when one came twice.
  std::size_t listed(const std::stop_token& stop = {}) {
    std::set<std::string> ids;
    list_from_both_ends(
        images_, {},
        [&](const client::ImagePtr& image) { EXPECT_TRUE(ids.insert(image->id).second); }, stop);
    return ids.size();
  }
  PagedImages images_;
};

[[noreturn]] void fail_listing() {
  throw HttpError(Operation::kList, 503, "GET /v2/images", "no", "req-1");
}

TEST_F(TwoEnded, AShortListTakesOneRequest) {
  add(999);
  EXPECT_EQ(listed(), 999U);
  EXPECT_EQ(images_.calls(Call::kList), 1);
}

TEST_F(TwoEnded, TheEndsMeet) {
  add(5000);
  EXPECT_EQ(listed(), 5000U);
  EXPECT_EQ(images_.calls(Call::kList), 2);
}

TEST_F(TwoEnded, NeitherEndGoesOverAllOfIt) {
  add(6000);
  // Each waits on its third page until the other is there, too.
  std::atomic<int> there = 0;
  std::atomic<std::size_t> pages = 0;
  images_.before_page = [&](bool, std::size_t page) {
    ++pages;
    if (page != 2) return;
    ++there;
    while (there < 2) std::this_thread::yield();
  };
  EXPECT_EQ(listed(), 6000U);
  EXPECT_LE(pages, 8U);
}

TEST_F(TwoEnded, OneEndMayDoAllTheRest) {
  add(4000);
  std::atomic<bool> done = false;
  images_.before_page = [&](bool oldest_first, std::size_t page) {
    if (!oldest_first && page == 1) {
      while (!done) std::this_thread::yield();
    }
    if (oldest_first && page == 3) done = true;
  };
  EXPECT_EQ(listed(), 4000U);
}

TEST_F(TwoEnded, WhenTheOldEndFailsTheNewOneGoesOn) {
  add(4000);
  images_.before_page = [&](bool oldest_first, std::size_t page) {
    if (oldest_first && page == 1) fail_listing();
  };
  EXPECT_EQ(listed(), 4000U);
}

TEST_F(TwoEnded, WhenTheNewEndFailsItIsAFailure) {
  add(4000);
  images_.before_page = [&](bool oldest_first, std::size_t page) {
    if (!oldest_first && page == 1) fail_listing();
  };
  EXPECT_THROW(listed(), HttpError);
}

TEST_F(TwoEnded, AStopIsNoMeeting) {
  add(4000);
  std::stop_source stop;
  images_.before_page = [&](bool, std::size_t page) {
    if (page == 1) stop.request_stop();
  };
  EXPECT_THROW(listed(stop.get_token()), std::system_error);
}

}  // namespace
}  // namespace glancefs::fs
