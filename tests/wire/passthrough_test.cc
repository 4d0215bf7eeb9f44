// Passthrough as the kernel sees it: when it is agreed on, and how each open is answered then.
#include <cstring>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

// As Linux 6.9's headers have them; Debian 12's are older.
constexpr std::uint32_t kPassthroughFlag2 = 1U << 5;
constexpr std::uint32_t kOpenPassthrough = 1U << 7;
constexpr fs::NodeId kNode = 5;
constexpr std::int32_t kFirstId = 41;

// What the kernel is handed, in the order in which it happens.
struct Device {
  std::vector<std::int32_t> opened, closed;
  int error = 0;  ///< of the next open; kept
};

class FakeDevice : public fs::BackingDevice {
 public:
  explicit FakeDevice(Device& record) : record_(record) {}
  std::int32_t open(const Fd& file) override {
    EXPECT_TRUE(file);
    if (record_.error != 0) throw_errno(record_.error, "BACKING_OPEN");
    record_.opened.push_back(kFirstId + static_cast<std::int32_t>(record_.opened.size()));
    return record_.opened.back();
  }
  void close(std::int32_t id) noexcept override { record_.closed.push_back(id); }

 private:
  Device& record_;
};

// max_stack_depth, which older headers call unused.
std::uint32_t stack_depth(const fuse_init_out& hello) {
  std::uint32_t depth = 0;
  const auto* bytes = reinterpret_cast<const char*>(&hello);
  std::memcpy(&depth, bytes + offsetof(fuse_init_out, flags2) + sizeof hello.flags2, sizeof depth);
  return depth;
}

// Device is a base so that it lives before the session does, and after.
class PassthroughWireTest : public Device, public WireTest {
 protected:
  explicit PassthroughWireTest(std::uint32_t flags2 = kPassthroughFlag2)
      : WireTest(std::make_unique<FakeDevice>(*this), flags2) {
    fake.open = [this](fs::NodeId, int, auto) {
      return fs::Opened{.handle = std::make_unique<TestHandle>(),
                        .keep_cache = !direct_io,
                        .direct_io = direct_io,
                        .file = sealed ? file : nullptr,
                        .file_is_written = spool};
    };
    fake.release = [this](fs::Handle&) { ++released; };
  }
  ~PassthroughWireTest() override { end(); }

  struct Reply {
    int error = 0;
    std::uint64_t fh = 0;
    std::uint32_t flags = 0;
    std::int32_t id = 0;
    bool passed() const { return (flags & kOpenPassthrough) != 0; }
  };
  Reply open(int flags = O_RDONLY, fs::NodeId node = kNode) {
    fuse_open_in body{};
    body.flags = static_cast<std::uint32_t>(flags);
    const Answer answer = ask(FUSE_OPEN, node, body);
    if (answer.error != 0) return {.error = answer.error};
    const auto out = answer.as<fuse_open_out>();
    return {.fh = out.fh,
            .flags = out.open_flags,
            .id = answer.as<std::int32_t>(offsetof(fuse_open_out, open_flags) + sizeof(int))};
  }
  void release(const Reply& reply, fs::NodeId node = kNode) {
    EXPECT_EQ(kernel.wait(send_release(node, reply.fh)).error, 0);
  }

  std::shared_ptr<const Fd> file =
      std::make_shared<Fd>(checked_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open"));
  bool sealed = true, direct_io = false, spool = false;
  std::atomic<int> released = 0;
};

class OlderKernelWireTest : public PassthroughWireTest {
 protected:
  // Some other of the upper bits.
  OlderKernelWireTest() : PassthroughWireTest(1U << 1) {}
};

class UserWireTest : public WireTest {
 protected:
  UserWireTest() : WireTest(nullptr, kPassthroughFlag2) {}
};

TEST_F(PassthroughWireTest, IsAgreedOn) {
  EXPECT_TRUE(ready);
  EXPECT_NE(hello.flags & FUSE_INIT_EXT, 0U);
  EXPECT_EQ(hello.flags2 & kPassthroughFlag2, kPassthroughFlag2);
  EXPECT_EQ(stack_depth(hello), 1U);
  EXPECT_EQ(hello.flags & FUSE_WRITEBACK_CACHE, 0U) << "they exclude each other";
  EXPECT_EQ(fake.read_mode(), "by the kernel (passthrough)");
}

TEST_F(OlderKernelWireTest, GetsNone) {
  EXPECT_EQ(hello.flags2 & kPassthroughFlag2, 0U);
  EXPECT_EQ(stack_depth(hello), 0U);
  EXPECT_EQ(open().flags, static_cast<unsigned>(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH));
  EXPECT_TRUE(opened.empty());
  EXPECT_TRUE(fake.read_mode().starts_with("by the daemon: the kernel offers no passthrough"));
}

TEST_F(UserWireTest, GetsNone) {
  EXPECT_EQ(hello.flags2 & kPassthroughFlag2, 0U);
  EXPECT_EQ(stack_depth(hello), 0U);
  EXPECT_EQ(fake.read_mode(), "by the daemon: not mounted as root");
}

TEST_F(PassthroughWireTest, OneNumberForAllOpensOfAFile) {
  const Reply first = open();
  // Together with KEEP_CACHE the kernel would refuse it.
  EXPECT_EQ(first.flags, kOpenPassthrough | FOPEN_NOFLUSH);
  EXPECT_EQ(first.id, kFirstId);
  const Reply second = open();
  EXPECT_TRUE(second.passed());
  EXPECT_EQ(second.id, kFirstId);
  EXPECT_NE(second.fh, first.fh);
  const Reply other = open(O_RDONLY, kNode + 1);
  EXPECT_EQ(other.id, kFirstId + 1);
}

TEST_F(PassthroughWireTest, TheLastReleaseClosesTheNumberBeforeItIsAnswered) {
  const Reply first = open();
  const Reply second = open();
  release(first);
  EXPECT_TRUE(closed.empty());
  release(second);
  EXPECT_EQ(closed, std::vector<std::int32_t>{kFirstId});
  EXPECT_EQ(open().id, kFirstId + 1);
}

TEST_F(PassthroughWireTest, WhileOneOpenGoesThroughThePageCacheAllDo) {
  sealed = false;
  const Reply first = open();
  EXPECT_FALSE(first.passed());
  sealed = true;
  const Reply second = open();
  EXPECT_EQ(second.flags, static_cast<unsigned>(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH));
  release(first);
  EXPECT_FALSE(open(O_RDONLY).passed());
  EXPECT_TRUE(open(O_RDONLY, kNode + 1).passed());
}

TEST_F(PassthroughWireTest, WithTheLastOpenThroughThePageCachePassthroughBegins) {
  sealed = false;
  const Reply first = open();
  sealed = true;
  release(first);
  EXPECT_TRUE(open().passed());
}

TEST_F(PassthroughWireTest, WhileOneOpenIsPassedThroughAllAre) {
  const Reply first = open();
  sealed = false;  // its cache entry turned out damaged, say
  const Reply second = open();
  EXPECT_TRUE(second.passed());
  EXPECT_EQ(second.id, first.id);
  release(first);
  release(second);
  EXPECT_FALSE(open().passed());
}

TEST_F(PassthroughWireTest, DirectOpensDoNotCount) {
  direct_io = true;
  const Reply direct = open();
  EXPECT_EQ(direct.flags, static_cast<unsigned>(FOPEN_DIRECT_IO | FOPEN_NOFLUSH));
  direct_io = false;
  const Reply first = open();
  EXPECT_TRUE(first.passed());
  release(direct);
  EXPECT_TRUE(open().passed());
}

TEST_F(PassthroughWireTest, WritersOfImagesAreNeverPassedThrough) {
  const Reply writer = open(O_RDWR);
  EXPECT_EQ(writer.error, 0);
  EXPECT_FALSE(writer.passed());
  EXPECT_FALSE(open().passed());
}

// The kernel would make EIO of any other answer. After ESTALE it looks the name up and tries again.
TEST_F(PassthroughWireTest, WhatMayWriteIsRefusedWhileAFileIsPassedThrough) {
  EXPECT_TRUE(open().passed());
  EXPECT_EQ(open(O_RDWR).error, ESTALE);
  EXPECT_EQ(released, 1);
  fake.create = [](auto, auto, auto, auto) {
    return std::pair(file_entry(kNode, 0, std::chrono::milliseconds(0)),
                     fs::Opened{.handle = std::make_unique<TestHandle>()});
  };
  fuse_create_in body{};
  body.flags = O_RDWR;
  EXPECT_EQ(ask(FUSE_CREATE, 3, body, std::string_view("a\0", 2)).error, ESTALE);
  EXPECT_EQ(released, 2);
  EXPECT_TRUE(open().passed());
}

TEST_F(PassthroughWireTest, WritersAreGivenTheirSpool) {
  spool = true;
  const Reply writer = open(O_RDWR);
  EXPECT_EQ(writer.flags, kOpenPassthrough) << "and its closes come here";
  EXPECT_EQ(fake.kernel_writes, 1);
  const Reply reader = open();
  EXPECT_EQ(reader.id, writer.id);
  EXPECT_EQ(fake.kernel_writes, 1);
}

// dd(1) gives up O_DIRECT for its last block; the kernel's own open of the spool would not.
TEST_F(PassthroughWireTest, DirectWritersAreServedHere) {
  spool = true;
  const Reply writer = open(O_WRONLY | O_DIRECT);
  EXPECT_EQ(writer.error, 0);
  EXPECT_FALSE(writer.passed());
  EXPECT_EQ(fake.kernel_writes, 0);
}

TEST_F(PassthroughWireTest, ANewFileIsGivenItsSpool) {
  fake.create = [this](auto, auto, auto, auto) {
    fs::Entry entry = file_entry(kNode, 0, std::chrono::milliseconds(1500));
    entry.attributes.mode = S_IFREG | 0644;
    entry.attributes.uid = 17;
    return std::pair(entry, fs::Opened{.handle = std::make_unique<TestHandle>(),
                                       .file = file,
                                       .file_is_written = true});
  };
  fuse_create_in body{};
  body.flags = O_WRONLY;
  const Answer answer = ask(FUSE_CREATE, 3, body, std::string_view("a\0", 2));
  ASSERT_EQ(answer.error, 0);
  const auto entry = answer.as<fuse_entry_out>();
  EXPECT_EQ(entry.nodeid, kNode);
  EXPECT_EQ(entry.entry_valid, 1U);
  EXPECT_EQ(entry.entry_valid_nsec, 500'000'000U);
  EXPECT_EQ(entry.attr.ino, kNode);
  EXPECT_EQ(entry.attr.mode, static_cast<unsigned>(S_IFREG | 0644));
  EXPECT_EQ(entry.attr.uid, 17U);
  const auto out = answer.as<fuse_open_out>(sizeof entry);
  EXPECT_EQ(out.open_flags, kOpenPassthrough);
  EXPECT_EQ(opened.size(), 1U);
  EXPECT_EQ(fake.kernel_writes, 1);
  release({.fh = out.fh});
  EXPECT_EQ(closed, opened);
}

TEST_F(PassthroughWireTest, AStackedFileSystemDoesNotSpeakForOthers) {
  error = ELOOP;
  release(open());
  error = 0;
  EXPECT_FALSE(open().passed()) << "the same file system";
  file =
      std::make_shared<Fd>(checked_fd(::open("/proc/self/status", O_RDONLY | O_CLOEXEC), "open"));
  EXPECT_TRUE(open(O_RDONLY, kNode + 1).passed());
}

TEST_F(PassthroughWireTest, AFileThatTheKernelDoesNotTakeIsReadHere) {
  error = ENFILE;
  const Reply first = open();
  EXPECT_EQ(first.flags, static_cast<unsigned>(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH));
  error = 0;
  release(first);
  EXPECT_TRUE(open().passed());
  EXPECT_EQ(fake.read_mode(), "by the kernel (passthrough)");
}

TEST_F(PassthroughWireTest, WithoutTheRightItIsTriedOnce) {
  error = EPERM;
  release(open());
  error = 0;
  EXPECT_FALSE(open().passed());
  EXPECT_TRUE(opened.empty());
  EXPECT_EQ(fake.read_mode(), "by the daemon: passthrough needs CAP_SYS_ADMIN of the host");
}

TEST_F(PassthroughWireTest, AnOpenThatNobodyTakesIsNotCounted) {
  std::atomic<bool> asked = false;
  std::atomic<bool> go = false;
  fake.open = [&](auto, auto, auto) {
    asked = true;
    asked.notify_all();
    go.wait(false);
    return fs::Opened{.handle = std::make_unique<TestHandle>(), .file = file};
  };
  kernel.send(FUSE_OPEN, kNode, fuse_open_in{});
  asked.wait(false);
  kernel.hang_up();
  go = true;
  go.notify_all();
  end();
  EXPECT_EQ(released, 1);
  EXPECT_EQ(closed, opened);
}

}  // namespace
}  // namespace glancefs::test
