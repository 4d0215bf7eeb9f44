// Files whose spool the kernel writes by itself: the file system is told of nothing but closes.
#include <unistd.h>

#include <filesystem>
#include <future>

#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Status;
using Call = test::FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class KernelWriting : public RigTest {
 protected:
  KernelWriting() {
    rig_.config.upload_delay = std::chrono::milliseconds(0);
    rig_.spools = cache::open_spools(rig_.directory / "state", 0);
    rig_.start();
  }
  std::pair<Entry, Opened> create(const std::string& name, int flags = O_WRONLY | O_CREAT) {
    auto made = files().create(rig_.directory_node("private"), name, flags, kWriter, {});
    EXPECT_NE(made.second.file, nullptr);
    EXPECT_TRUE(made.second.file_is_written);
    files().kernel_writes(*made.second.handle);
    return made;
  }
  // As the kernel does it.
  static void write(const Opened& file, const std::string& text, off_t offset = 0) {
    EXPECT_EQ(::pwrite(file.file->get(), text.data(), text.size(), offset),
              static_cast<ssize_t>(text.size()));
  }
  int close(const Opened& file, std::stop_token stop = {}) {
    return errno_thrown([&] { files().flush(*file.handle, kWriter, std::move(stop)); });
  }
};

TEST_F(KernelWriting, TheCloseSendsWhatIsThere) {
  const std::string data = pattern(300'000);
  auto [entry, file] = create("a");
  EXPECT_FALSE(files().flush_uploads(*file.handle, kWriter)) << "a shell closes before it writes";
  write(file, data);
  EXPECT_EQ(files().attributes(entry.node).size, data.size());
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(rig_.images.data(image("a").id), data);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), data);
  EXPECT_EQ(rig_.images.calls(Call::kDownload) + rig_.images.calls(Call::kStream), 0);
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(KernelWriting, ReadingWaitsForTheWriterToLetGo) {
  auto [entry, file] = create("a");
  write(file, "data");
  EXPECT_EQ(close(file), 0);
  auto reading = std::async(std::launch::async, [&] { return rig_.read_all(entry.node); });
  files().release(std::move(file.handle));
  EXPECT_EQ(reading.get(), "data");
  EXPECT_EQ(rig_.images.calls(Call::kDownload) + rig_.images.calls(Call::kStream), 0);
}

TEST_F(KernelWriting, WhoNeverLetsGoKeepsReadersOut) {
  auto [entry, file] = create("a");
  write(file, "data");
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(errno_thrown([&] { files().open(entry.node, O_RDONLY, {}, {}); }), EBUSY);
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.read_all(entry.node), "data");
}

TEST_F(KernelWriting, WhatIsWrittenDuringTheUploadVoidsIt) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = create("a");
  write(file, "data");
  auto closing = std::async(std::launch::async, [&, &opened = file] { return close(opened); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  write(file, "more", 4);
  rig_.images.release(Call::kUpload);
  EXPECT_EQ(closing.get(), EBUSY);
  EXPECT_EQ(rig_.images.count(), 0U) << "what was sent is no whole";
  files().release(std::move(file.handle));
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpload, 2));
  files().finish_uploads(std::chrono::steady_clock::time_point::max(), {});
  EXPECT_EQ(rig_.images.data(image("a").id), "datamore");
}

TEST_F(KernelWriting, WhatComesTooLateIsToldAndKept) {
  auto [entry, file] = create("a");
  write(file, "data");
  EXPECT_EQ(close(file), 0);
  write(file, "late", 4);
  EXPECT_EQ(close(file), EPERM) << "also another descriptor's close tells";
  files().release(std::move(file.handle));
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data") << "and not from the cache";
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "a.late"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a.late")), "datalate");
  EXPECT_THAT(pending(), HasSubstr("written after the image was complete"));
  files().unlink(rig_.directory_node("private"), "a.late", {});
  EXPECT_THAT(pending(), IsEmpty());
}

// Until the last writer lets go the spool stays, and the daemon may die.
class KernelWritingUntilDeath : public KernelWriting {
 protected:
  // Returns once the program has been told that "a" is at Glance.
  void upload_and_hold_open() {
    opened_ = std::move(create("a").second);
    write(opened_, "data");
    EXPECT_EQ(close(opened_), 0);
  }
  void die() {
    files().abandon(std::move(opened_.handle));
    opened_.file.reset();
    rig_.restart();
    files().finish_uploads(std::chrono::steady_clock::time_point::max(), {});
  }
  bool journal_is_empty() const { return std::filesystem::is_empty(rig_.directory / "state"); }

  Opened opened_;
};

TEST_F(KernelWritingUntilDeath, TheNameGivenSinceStays) {
  upload_and_hold_open();
  const NodeId directory = rig_.directory_node("private");
  files().rename(directory, "a", directory, "b", 0, {});
  die();
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 1);
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(KernelWritingUntilDeath, TheImageRemovedSinceStaysAway) {
  upload_and_hold_open();
  files().unlink(rig_.directory_node("private"), "a", {});
  die();
  EXPECT_THAT(rig_.names("private"), IsEmpty());
  EXPECT_EQ(rig_.images.count(), 0U);
  EXPECT_TRUE(journal_is_empty());
}

TEST_F(KernelWritingUntilDeath, WhatCameTooLateIsKept) {
  upload_and_hold_open();
  write(opened_, "late", 4);
  die();
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "a.late"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a.late")), "datalate");
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
  EXPECT_EQ(rig_.images.count(), 1U) << "nobody asked for it to be sent";
}

TEST_F(KernelWriting, WhatNoCloseSentIsSentWhenTheLastWriterHasGone) {
  auto [entry, file] = create("a", O_RDWR | O_CREAT);
  write(file, "data");
  EXPECT_EQ(close(file), 0);
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 0);
  files().release(std::move(file.handle));
  ASSERT_TRUE(rig_.images.wait_for_calls(Call::kUpload, 1));
  files().finish_uploads(std::chrono::steady_clock::time_point::max(), {});
  EXPECT_EQ(rig_.images.data(image("a").id), "data");
}

}  // namespace
}  // namespace glancefs::fs
