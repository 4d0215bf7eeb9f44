// Reading images through Filesystem: what bytes come, when, from where, and which errno instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/http.h"
#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using client::Status;
using test::FakeImages;
using Call = FakeImages::Call;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Reading : public testing::Test {
 protected:
  NodeId add(const std::string& data, const std::function<void(client::Image&)>& adjust = {}) {
    id_ = rig_.images.add("a", data, adjust).id;
    rig_.start();
    return rig_.node("private", "a");
  }
  Opened open(NodeId node) { return rig_.files().open(node, O_RDONLY, {}, {}); }
  int open_error(NodeId node) {
    return errno_thrown([&] { open(node); });
  }

  Rig rig_;
  std::string id_;
};

TEST_F(Reading, GivesTheBytesOfTheImage) {
  const std::string data = pattern(3'000'001);
  EXPECT_EQ(rig_.read_all(add(data)), data);
}

TEST_F(Reading, EndsWhereTheImageEnds) {
  Opened file = open(add(pattern(1000)));
  EXPECT_EQ(rig_.read(*file.handle, 990, 100), pattern(1000).substr(990));
  EXPECT_EQ(rig_.read(*file.handle, 1000, 100), "");
  EXPECT_EQ(rig_.read(*file.handle, 1 << 30, 100), "");
  rig_.files().release(std::move(file.handle));
}

/// Closes the file as soon as it is answered, before it looks at the bytes: the kernel wakes the
/// reader while the system call that brings the answer is still under way.
class ClosingRead : public PendingRead {
 public:
  ClosingRead(Filesystem& files, Opened& file, std::promise<std::string> answer)
      : files_(files),
        file_(file),
        answer_(std::move(answer)) {}
  std::stop_token interrupted() const override { return {}; }
  void done(std::span<const std::byte> bytes) noexcept override {
    files_.release(std::move(file_.handle));
    answer_.set_value(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void fail(std::exception_ptr reason) noexcept override {
    answer_.set_exception(std::move(reason));
  }

 private:
  Filesystem& files_;
  Opened& file_;
  std::promise<std::string> answer_;
};

TEST_F(Reading, TheFileMayBeClosedBeforeTheAnswerHasReturned) {
  const NodeId image = add(pattern(300'000));
  const NodeId control = rig_.files().find(kRootNode, ".glancefs")->node;
  const NodeId status = rig_.files().find(control, "status")->node;
  for (const NodeId node : {status, image}) {
    Opened file = open(node);
    Handle& handle = *file.handle;
    std::promise<std::string> answer;
    auto text = answer.get_future();
    rig_.files().read(handle, 0, 4096,
                      std::make_unique<ClosingRead>(rig_.files(), file, std::move(answer)));
    const std::string expected = node == image ? pattern(4096) : "endpoint   http://glance";
    EXPECT_THAT(text.get(), testing::HasSubstr(expected));
  }
}

TEST_F(Reading, EmptyImageNeedsNoDownload) {
  EXPECT_EQ(rig_.read_all(add("")), "");
  EXPECT_EQ(rig_.images.calls(Call::kDownload), 0);
}

TEST_F(Reading, SecondReadingComesFromTheCache) {
  const std::string data = pattern(1'000'000);
  const NodeId node = add(data);
  EXPECT_EQ(rig_.read_all(node), data);
  const int downloads = rig_.images.calls(Call::kDownload);
  EXPECT_EQ(rig_.read_all(node), data);
  EXPECT_EQ(rig_.images.calls(Call::kDownload), downloads);
}

TEST_F(Reading, AnIsolatedReadFetchesLittle) {
  Opened file = open(add(pattern(20'000'000)));
  EXPECT_EQ(rig_.read(*file.handle, 10'000'000, 10), pattern(20'000'000).substr(10'000'000, 10));
  rig_.files().release(std::move(file.handle));
  std::uint64_t asked = 0;
  for (const client::ByteRange& range : rig_.images.ranges(id_)) asked += range.length;
  EXPECT_LE(asked, (256U + 12) * 1024) << "and once 12 KiB to get to know the store";
}

TEST_F(Reading, ManyReadersOfOneBlockShareOneDownload) {
  const NodeId node = add(pattern(60'000));
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(rig_.read_later(*file.handle, 0, 60'000));
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  rig_.images.release(Call::kDownload);
  for (auto& answer : answers) EXPECT_EQ(answer.get(), pattern(60'000));
  EXPECT_EQ(rig_.images.calls(Call::kDownload), 1);
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, AnInterruptedReaderLeavesAndTheDownloadGoesOn) {
  const NodeId node = add(pattern(60'000));
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  std::stop_source interrupt;
  auto first = rig_.read_later(*file.handle, 0, 100, interrupt.get_token());
  auto second = rig_.read_later(*file.handle, 0, 100);
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  interrupt.request_stop();
  EXPECT_EQ(errno_thrown([&] { first.get(); }), EINTR);
  rig_.images.release(Call::kDownload);
  EXPECT_EQ(second.get(), pattern(100));
  EXPECT_EQ(rig_.images.calls(Call::kDownload), 1);
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, AStalledServerEndsInATimeout) {
  rig_.config.read_timeout = 50ms;
  const NodeId node = add(pattern(1000));
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  EXPECT_EQ(errno_thrown([&] { rig_.read(*file.handle, 0, 100); }), ETIMEDOUT);
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, ThousandsOfStalledReadsDoNotStopOthers) {
  const std::string data = pattern(60'000);
  const NodeId node = add(data);
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 3000; ++i) answers.push_back(rig_.read_later(*file.handle, i, 1));
  EXPECT_EQ(rig_.files().attributes(node).size, 60'000U);
  rig_.images.release(Call::kDownload);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(answers[i].get(), data.substr(i, 1));
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, UnmountingAnswersThoseWhoWait) {
  const NodeId node = add(pattern(1000));
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  auto answer = rig_.read_later(*file.handle, 0, 100);
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  rig_.stop();
  EXPECT_EQ(errno_thrown([&] { answer.get(); }), EIO);
}

TEST_F(Reading, AFailedDownloadFailsItsReadersAndNotTheNext) {
  const NodeId node = add(pattern(1000));
  rig_.images.fail(Call::kDownload, std::make_exception_ptr(client::HttpError(
                                        client::Operation::kDownload, 403, "GET", "no", "req-1")));
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  auto answer = rig_.read_later(*file.handle, 0, 100);
  rig_.images.release(Call::kDownload);
  EXPECT_EQ(errno_thrown([&] { answer.get(); }), EACCES);
  EXPECT_EQ(rig_.read(*file.handle, 0, 100), pattern(100));
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, LostDataIsAnErrorAndNotAnEmptyFile) {
  const NodeId node = add(pattern(1000));
  rig_.images.lose_data(id_);
  EXPECT_EQ(errno_thrown([&] { rig_.read_all(node); }), EIO);
}

TEST_F(Reading, AnImageDeletedMeanwhileIsStale) {
  const NodeId node = add(pattern(1000));
  Opened file = open(node);
  rig_.images.erase(id_);
  EXPECT_EQ(errno_thrown([&] { rig_.read(*file.handle, 0, 100); }), ESTALE);
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, WrongBytesAreFetchedOnceMoreAndThenRefused) {
  const std::string data = pattern(500'000);
  const NodeId node = add(data);
  std::string rotten = data;
  rotten[300'000] ^= 1;
  rig_.images.set_data(id_, rotten);
  EXPECT_EQ(errno_thrown([&] { rig_.read_all(node); }), EIO);
  rig_.images.set_data(id_, data);
  // What was called off may still have left rotten bytes, which fail one more reader, and no more.
  ASSERT_TRUE(rig_.images.wait_for_idle(Call::kDownload));
  ASSERT_TRUE(rig_.images.wait_for_idle(Call::kStream));
  const int left_over = errno_thrown([&] { EXPECT_EQ(rig_.read_all(node), data); });
  EXPECT_THAT(left_over, testing::AnyOf(0, EIO));
  EXPECT_EQ(rig_.read_all(node), data) << "a later reader gets the repaired bytes";
}

// The end may be read before the middle has come; the middle must then not be answered unproven.
TEST_F(Reading, TheReadThatCompletesAWrongImageFails) {
  const std::string data = pattern(3'000'000);
  const NodeId node = add(data);
  std::string rotten = data;
  rotten[1'500'000] ^= 1;
  rig_.images.set_data(id_, rotten);
  Opened file = open(node);
  // Read-ahead decides which of the three completes the image.
  EXPECT_EQ(errno_thrown([&] {
              rig_.read(*file.handle, 0, 1'000'000);
              rig_.read(*file.handle, 2'200'000, 800'000);
              rig_.read(*file.handle, 1'000'000, 1'200'000);
            }),
            EIO);
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, ASmallImageIsProvenBeforeItsOnlyReadIsAnswered) {
  const std::string data = pattern(1000);
  const NodeId node = add(data);
  std::string rotten = data;
  rotten[10] ^= 1;
  rig_.images.set_data(id_, rotten);
  rig_.images.hold(Call::kDownload);
  Opened file = open(node);
  auto answer = rig_.read_later(*file.handle, 0, 1000);
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kDownload, 1));
  rig_.images.hold(Call::kStream);
  rig_.images.release(Call::kDownload, 1);  // the rotten one
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kStream, 1)) << "the second goes the safe way";
  rig_.images.set_data(id_, data);
  rig_.images.release(Call::kStream);
  // Whether the second download saw the old or the new bytes, wrong ones never come out.
  try {
    EXPECT_EQ(answer.get(), data);
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EIO);
  }
  rig_.files().release(std::move(file.handle));
}

TEST_F(Reading, AStoreWithoutRangesIsReadFromFrontToBack) {
  const std::string data = pattern(2'000'000);
  const NodeId node = add(data);
  rig_.images.refuse_ranges(true);
  EXPECT_EQ(rig_.read_all(node), data);
  EXPECT_EQ(rig_.images.calls(Call::kStream), 1);
}

TEST_F(Reading, AStoreWithoutRangesServesTheMiddleToo) {
  const std::string data = pattern(2'000'000);
  const NodeId node = add(data);
  rig_.images.refuse_ranges(true);
  Opened file = open(node);
  EXPECT_EQ(rig_.read(*file.handle, 1'900'000, 1000), data.substr(1'900'000, 1000));
  EXPECT_EQ(rig_.read(*file.handle, 5, 1000), data.substr(5, 1000));
  rig_.files().release(std::move(file.handle));
}

// A store that nothing can be kept in: every block is in the way of the next.
TEST_F(Reading, ACacheThatKeepsNothingStillServes) {
  const std::string data = pattern(5'000'000);
  rig_.store = cache::make_memory_store(64 * 1024);
  EXPECT_EQ(rig_.read_all(add(data)), data);
}

TEST_F(Reading, ClosingEndsTheReadAhead) {
  const NodeId node = add(pattern(40'000'000));
  Opened file = open(node);
  for (int i = 0; i < 8; ++i) rig_.read(*file.handle, i * 131072, 131072);
  rig_.images.hold(Call::kDownload);
  rig_.files().release(std::move(file.handle));
  rig_.images.release(Call::kDownload);
  rig_.stop();
  EXPECT_EQ(rig_.images.running(Call::kDownload), 0);
}

struct StatusCase {
  Status status;
  const char* word;
  int error;
};

TEST_F(Reading, StatusesWithoutDataRefuseToOpen) {
  for (const StatusCase& each : {StatusCase{Status::kQueued, "queued", ENODATA},
                                 StatusCase{Status::kSaving, "saving", EBUSY},
                                 StatusCase{Status::kUploading, "uploading", EBUSY},
                                 StatusCase{Status::kImporting, "importing", EBUSY},
                                 StatusCase{Status::kDeactivated, "deactivated", EACCES},
                                 StatusCase{Status::kOther, "killed", EIO}}) {
    Rig rig;
    rig.images.add("a", "data", [&](client::Image& image) {
      image.status = each.status;
      image.status_word = each.word;
    });
    rig.start();
    const NodeId node = rig.node("private", "a");
    EXPECT_EQ(errno_thrown([&] { rig.files().open(node, O_RDONLY, {}, {}); }), each.error)
        << each.word;
  }
}

TEST_F(Reading, ActiveWithoutASizeIsUnreadable) {
  EXPECT_EQ(open_error(add("data", [](client::Image& image) { image.size.reset(); })), EIO);
}

TEST_F(Reading, WithdrawnRightsAreNoticedThoughCached) {
  rig_.config.metadata_ttl = 0ms;
  const NodeId node = add(pattern(1000));
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  rig_.images.edit(id_, [](client::Image& image) {
    image.status = Status::kDeactivated;
    image.status_word = "deactivated";
  });
  EXPECT_EQ(open_error(node), EACCES);
  rig_.images.erase(id_);
  EXPECT_EQ(open_error(node), ENOENT);
}

TEST_F(Reading, CachedImagesAreReadWhileTheCloudIsAway) {
  rig_.config.metadata_ttl = 0ms;
  const NodeId node = add(pattern(1000));
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  rig_.images.fail(Call::kShow,
                   std::make_exception_ptr(client::HttpError(
                       client::Operation::kShow, client::Failure::kConnect, "GET", "refused")),
                   100);
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
}

TEST_F(Reading, DirectoriesAndImagesCannotBeOpenedForTheOther) {
  const NodeId node = add("data");
  EXPECT_EQ(
      errno_thrown([&] { rig_.files().open(rig_.directory_node("private"), O_RDONLY, {}, {}); }),
      EISDIR);
  EXPECT_EQ(errno_thrown([&] { rig_.files().open(node, O_WRONLY, {}, {}); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { rig_.files().open(node, O_RDWR, {}, {}); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { rig_.files().open(node, O_WRONLY | O_TRUNC, {}, {}); }), EPERM);
}

TEST_F(Reading, TheReasonOfAFailureIsKept) {
  const NodeId node = add(pattern(1000));
  try {
    throw client::HttpError(client::Operation::kDownload, 503, "GET /v2/images/x/file",
                            "store is down", "req-42");
  } catch (...) {
    EXPECT_EQ(rig_.files().explain("read", node, std::current_exception()), EIO);
  }
  const std::string reason = rig_.files().xattr(node, "user.glancefs.error").value_or("");
  EXPECT_THAT(reason, testing::HasSubstr("503"));
  EXPECT_THAT(reason, testing::HasSubstr("store is down"));
  EXPECT_THAT(reason, testing::HasSubstr("req-42"));
}

TEST_F(Reading, TellsHowMuchIsCached) {
  const NodeId node = add(pattern(1'000'000));
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.cached"), "0%");
  rig_.read_all(node);
  EXPECT_EQ(rig_.files().xattr(node, "user.glancefs.cached"), "100% sealed");
}

}  // namespace
}  // namespace glancefs::fs
