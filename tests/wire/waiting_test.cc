// Requests that wait: parked reads, stalled operations, interrupts, the end of the session.
#include <gmock/gmock.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <system_error>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;

class WaitingWireTest : public WireTest {
 protected:
  WaitingWireTest() {
    fake.attributes = [](fs::NodeId node) { return file_entry(node, 1, {}).attributes; };
    fake.read = [this](std::uint64_t, std::size_t, std::unique_ptr<fs::PendingRead> reader) {
      park.add(std::move(reader));
    };
  }
  ~WaitingWireTest() override { end(); }

  // Waits for `stop`, then fails as an operation that was interrupted does.
  void stall(const std::stop_token& stop) {
    ++stalled;
    stalled.notify_all();
    std::atomic<bool> stopped = false;
    const std::stop_callback wake(stop, [&] {
      stopped = true;
      stopped.notify_all();
    });
    stopped.wait(false);
    throw_errno(EINTR, "interrupted");
  }
  void wait_for_stalled(int count) {
    for (int now = stalled; now < count; now = stalled) stalled.wait(now);
  }
  void expect_alive() {
    EXPECT_EQ(ask(FUSE_GETATTR, 42, fuse_getattr_in{}).as<fuse_attr_out>().attr.ino, 42U);
  }

  ReadPark park;
  std::atomic<int> stalled = 0;
};

TEST_F(WaitingWireTest, AReadIsAnsweredLaterByAnotherThread) {
  const std::uint64_t read = send_read(5, open_file(5), 0, 4096);
  park.wait_for(1);
  expect_alive();
  EXPECT_FALSE(kernel.answered(read));
  std::thread([&] { park.answer("the bytes"); }).join();
  const Answer answer = kernel.wait(read);
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.text(), "the bytes");
}

TEST_F(WaitingWireTest, AReadThatHasItsBytesIsAnsweredAtOnce) {
  fake.read = [](std::uint64_t offset, std::size_t size, std::unique_ptr<fs::PendingRead> reader) {
    EXPECT_EQ(offset, 8192U);
    EXPECT_EQ(size, 4096U);
    const std::string bytes(size, 'x');
    reader->done(std::as_bytes(std::span(bytes)));
  };
  EXPECT_EQ(kernel.wait(send_read(5, open_file(5), 8192, 4096)).text(), std::string(4096, 'x'));
}

TEST_F(WaitingWireTest, AReadThatFailsSaysWhy) {
  fake.read = [](auto, auto, std::unique_ptr<fs::PendingRead> reader) {
    reader->fail(
        std::make_exception_ptr(std::system_error(ETIMEDOUT, std::generic_category(), "late")));
  };
  EXPECT_EQ(kernel.wait(send_read(5, open_file(5), 0, 4096)).error, ETIMEDOUT);
  EXPECT_THAT(fake.explained(), testing::ElementsAre("read 5"));
}

TEST_F(WaitingWireTest, AReadThatIsForgottenIsAnError) {
  const std::uint64_t read = send_read(5, open_file(5), 0, 4096);
  park.wait_for(1);
  park.drop();
  EXPECT_EQ(kernel.wait(read).error, EIO);
}

TEST_F(WaitingWireTest, AReadWhoseHandlerThrowsIsAnError) {
  fake.read = [](auto, auto, std::unique_ptr<fs::PendingRead>) { throw_errno(EBADF, "writer"); };
  EXPECT_EQ(kernel.wait(send_read(5, open_file(5), 0, 4096)).error, EIO);
  expect_alive();
}

TEST_F(WaitingWireTest, AnInterruptEndsAParkedRead) {
  const std::uint64_t fh = open_file(5);
  const std::uint64_t first = send_read(5, fh, 0, 4096);
  const std::uint64_t second = send_read(5, fh, 4096, 4096);
  park.wait_for(2);
  kernel.interrupt(first);
  EXPECT_EQ(kernel.wait(first).error, EINTR);
  EXPECT_FALSE(kernel.answered(second));
  park.answer("x");
  EXPECT_EQ(kernel.wait(second).text(), "x");
}

TEST_F(WaitingWireTest, AnInterruptThatComesFirstIsNotLost) {
  const std::uint64_t fh = open_file(5);
  const std::uint64_t next = kernel.next();
  kernel.interrupt(next);
  ASSERT_EQ(send_read(5, fh, 0, 4096), next);
  EXPECT_EQ(kernel.wait(next).error, EINTR);
}

TEST_F(WaitingWireTest, InterruptsAndAnswersMayMeet) {
  const std::uint64_t fh = open_file(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> reads;
    for (int i = 0; i < 8; ++i) reads.push_back(send_read(5, fh, 0, 4096));
    park.wait_for(reads.size());
    std::thread answering([&] { park.answer("x"); });
    for (const std::uint64_t read : reads) kernel.interrupt(read);
    answering.join();
    for (const std::uint64_t read : reads) {
      const Answer answer = kernel.wait(read);
      EXPECT_TRUE(answer.error == EINTR || answer.text() == "x");
    }
    park.drop();
    // Interrupts that came too late: libfuse hands one back with each request that follows.
    for (std::size_t i = 0; i < reads.size(); ++i) expect_alive();
  }
}

TEST_F(WaitingWireTest, AnInterruptEndsAnOperationThatWaits) {
  fake.find = [](auto, auto) { return std::nullopt; };
  fake.lookup = [this](auto, auto, const std::stop_token& stop) {
    stall(stop);
    return fs::Entry{};
  };
  const std::uint64_t lookup = kernel.send_text(FUSE_LOOKUP, 1, std::string_view("x\0", 2));
  wait_for_stalled(1);
  kernel.interrupt(lookup);
  EXPECT_EQ(kernel.wait(lookup).error, EINTR);
}

TEST_F(WaitingWireTest, AnInterruptEndsAQuestionForAnAttribute) {
  fake.ask_xattr = [this](auto, auto, const std::stop_token& stop) {
    stall(stop);
    return std::optional<std::string>();
  };
  const fuse_getxattr_in body{.size = 100, .padding = 0};
  const std::string name = "user.glance.members";
  const std::uint64_t asking = kernel.send(FUSE_GETXATTR, 5, body, name + '\0');
  wait_for_stalled(1);
  expect_alive();
  kernel.interrupt(asking);
  EXPECT_EQ(kernel.wait(asking).error, EINTR);
}

// A copy from store to store takes as long as an upload, and must not stop other changes.
TEST_F(WaitingWireTest, CopiesLeaveRoomForOtherChanges) {
  std::atomic<int> copying = 0;
  std::atomic<bool> go = false;
  fake.set_xattr = [&](fs::NodeId, std::string_view name, auto, auto) {
    if (name != "user.glance.stores") return;
    ++copying;
    copying.notify_all();
    go.wait(false);
  };
  const auto set = [&](const std::string& name) {
    struct {
      std::uint32_t size, flags;
    } body{1, 0};
    return kernel.send(FUSE_SETXATTR, 5, body, name + '\0' + "x");
  };
  std::vector<std::uint64_t> copies;
  for (std::size_t i = 0; i < kMetadataThreads; ++i) copies.push_back(set("user.glance.stores"));
  for (int now = copying; now < static_cast<int>(kMetadataThreads); now = copying) {
    copying.wait(now);
  }
  EXPECT_EQ(kernel.wait(set("user.glance.x")).error, 0);
  go = true;
  go.notify_all();
  for (const std::uint64_t copy : copies) EXPECT_EQ(kernel.wait(copy).error, 0);
}

TEST_F(WaitingWireTest, AnInterruptEndsAnOperationThatQueues) {
  fake.flush = [this](auto, const std::stop_token& stop) {
    if (stop.stop_requested()) throw_errno(EINTR, "interrupted in the queue");
    stall(stop);
  };
  const std::uint64_t fh = open_file(5, O_WRONLY);
  std::vector<std::uint64_t> running;
  for (std::size_t i = 0; i < kTransferThreads; ++i) running.push_back(send_flush(5, fh));
  wait_for_stalled(kTransferThreads);
  const std::uint64_t queued = send_flush(5, fh);
  expect_alive();
  kernel.interrupt(queued);
  EXPECT_EQ(kernel.wait(queued).error, EINTR);
  finish();  // interrupts the others
  for (const std::uint64_t flush : running) EXPECT_EQ(kernel.wait(flush).error, EINTR);
}

TEST_F(WaitingWireTest, NothingThatStallsStopsTheOthers) {
  fake.flush = [this](auto, const std::stop_token& stop) { stall(stop); };
  fake.list = [](auto) { return std::vector<fs::DirectoryEntry>{{"a", 5}}; };
  fake.find = [](auto, auto) { return file_entry(5, 1, milliseconds(0)); };
  const std::uint64_t reader = open_file(5);
  const std::uint64_t writer = open_file(6, O_WRONLY);
  std::vector<std::uint64_t> reads, flushes;
  for (int i = 0; i < 100; ++i) reads.push_back(send_read(5, reader, 0, 131072));
  for (int i = 0; i < 20; ++i) flushes.push_back(send_flush(6, writer));
  park.wait_for(100);
  wait_for_stalled(kTransferThreads);

  const auto start = std::chrono::steady_clock::now();
  expect_alive();
  EXPECT_NE(open_file(7), 0U);
  EXPECT_EQ(kernel.wait(send_flush(5, reader)).error, 0);  // a reader's close
  fake.flush_uploads = false;
  EXPECT_EQ(kernel.wait(send_flush(6, writer)).error, 0);  // a writer's, with nothing to send
  for (const std::uint64_t read : reads) kernel.interrupt(read);
  for (const std::uint64_t flush : flushes) kernel.interrupt(flush);
  for (const std::uint64_t read : reads) EXPECT_EQ(kernel.wait(read).error, EINTR);
  for (const std::uint64_t flush : flushes) EXPECT_EQ(kernel.wait(flush).error, EINTR);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(WaitingWireTest, TheEndAnswersAllThatWait) {
  fake.flush = [this](auto, const std::stop_token& stop) { stall(stop); };
  const std::uint64_t read = send_read(5, open_file(5), 0, 4096);
  const std::uint64_t flush = send_flush(6, open_file(6, O_WRONLY));
  park.wait_for(1);
  wait_for_stalled(1);
  finish();
  EXPECT_EQ(kernel.wait(read).error, EINTR);
  EXPECT_EQ(kernel.wait(flush).error, EINTR);
}

TEST_F(WaitingWireTest, TheEndReleasesWhatIsOpen) {
  std::atomic<int> released = 0;
  fake.release = [&](fs::Handle&) { ++released; };
  open_file(5);
  const std::uint64_t fh = open_file(6, O_WRONLY);
  EXPECT_EQ(kernel.wait(send_release(6, fh)).error, 0);
  finish();
  EXPECT_EQ(released, 2);
}

TEST_F(WaitingWireTest, ReleaseIsAnsweredBeforeItIsDone) {
  std::atomic<bool> go = false;
  fake.release = [&](fs::Handle&) { go.wait(false); };
  EXPECT_EQ(kernel.wait(send_release(5, open_file(5))).error, 0);
  expect_alive();
  go = true;
  go.notify_all();
  end();
}

TEST_F(WaitingWireTest, AnOpenThatNobodyTakesIsReleased) {
  std::atomic<int> released = 0;
  fake.release = [&](fs::Handle&) { ++released; };
  std::atomic<bool> go = false;
  fake.open = [&](auto, auto, auto) {
    ++stalled;
    stalled.notify_all();
    go.wait(false);
    return fs::Opened{.handle = std::make_unique<TestHandle>()};
  };
  kernel.send(FUSE_OPEN, 5, fuse_open_in{});
  wait_for_stalled(1);
  kernel.hang_up();
  go = true;
  go.notify_all();
  end();
  EXPECT_EQ(released, 1);
}

TEST_F(WaitingWireTest, AnUnmountEndsTheLoopWithoutAnError) {
  kernel.hang_up();
  loop.join();
  EXPECT_EQ(failure, nullptr);
}

}  // namespace
}  // namespace glancefs::test
