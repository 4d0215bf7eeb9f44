// What each request of the kernel becomes, and what comes back.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <future>
#include <set>
#include <stdexcept>

#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

TEST_F(WireTest, HelloNegotiatesWhatTheMountNeeds) {
  EXPECT_TRUE(ready);
  EXPECT_EQ(hello.max_background, 512);
  EXPECT_EQ(hello.congestion_threshold, 384);
  EXPECT_EQ(hello.max_write, 1024U * 1024U);
  // libfuse 3.14 keeps HANDLE_KILLPRIV and PARALLEL_DIROPS to itself, newer ones hand them on.
  for (const auto flag :
       {FUSE_ASYNC_READ, FUSE_ATOMIC_O_TRUNC, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO}) {
    EXPECT_NE(hello.flags & static_cast<unsigned>(flag), 0U) << flag;
  }
  for (const auto flag : {FUSE_WRITEBACK_CACHE, FUSE_EXPORT_SUPPORT, FUSE_SPLICE_READ,
                          FUSE_SPLICE_WRITE, FUSE_SPLICE_MOVE, FUSE_POSIX_ACL}) {
    EXPECT_EQ(hello.flags & static_cast<unsigned>(flag), 0U) << flag;
  }
}

TEST_F(WireTest, AKnownNameIsAnsweredFromMemory) {
  fake.find = [](fs::NodeId parent, std::string_view name) {
    EXPECT_EQ(parent, 7U);
    EXPECT_EQ(name, "cirros");
    return file_entry(42, 1234, milliseconds(30500));
  };
  const Answer answer = ask_name(FUSE_LOOKUP, 7, "cirros");
  EXPECT_EQ(answer.error, 0);
  const auto entry = answer.as<fuse_entry_out>();
  EXPECT_EQ(entry.nodeid, 42U);
  EXPECT_EQ(entry.attr.ino, 42U);
  EXPECT_EQ(entry.attr.size, 1234U);
  EXPECT_EQ(entry.attr.mode, static_cast<unsigned>(S_IFREG | 0644));
  EXPECT_EQ(entry.entry_valid, 30U);
  EXPECT_EQ(entry.entry_valid_nsec, 500'000'000U);
  EXPECT_EQ(entry.attr_valid, 30U);
}

TEST_F(WireTest, AnUnknownNameIsAskedOfTheCloudOnAnotherThread) {
  fake.find = [](auto, auto) { return std::nullopt; };
  std::set<std::thread::id> threads;
  fake.lookup = [&](fs::NodeId, std::string_view name, auto) {
    EXPECT_EQ(name, "new");
    return file_entry(9, 1, milliseconds(1000));
  };
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "new").as<fuse_entry_out>().nodeid, 9U);
}

TEST_F(WireTest, AnAbsentNameIsRememberedForASecond) {
  fake.find = [](auto, auto) { return fs::Entry{}; };
  const Answer answer = ask_name(FUSE_LOOKUP, 7, "no");
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.as<fuse_entry_out>().nodeid, 0U);
  EXPECT_EQ(answer.as<fuse_entry_out>().entry_valid, 1U);
}

TEST_F(WireTest, AttributesComeWithTheirTime) {
  fake.attributes = [](fs::NodeId node) { return file_entry(node, 5, {}).attributes; };
  const auto out = ask(FUSE_GETATTR, 42, fuse_getattr_in{}).as<fuse_attr_out>();
  EXPECT_EQ(out.attr.ino, 42U);
  EXPECT_EQ(out.attr.size, 5U);
  EXPECT_EQ(out.attr_valid, 1U);
  EXPECT_EQ(out.attr_valid_nsec, 500'000'000U);
}

TEST_F(WireTest, WhatIsThrownBecomesTheErrnoThatFilesystemExplains) {
  fake.attributes = [](fs::NodeId) -> fs::Attributes { throw_errno(ESTALE, "gone"); };
  EXPECT_EQ(ask(FUSE_GETATTR, 42, fuse_getattr_in{}).error, ESTALE);
  fake.find = [](auto, auto) -> std::optional<fs::Entry> { throw std::runtime_error("odd"); };
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "x").error, EIO);
  EXPECT_THAT(fake.explained(), ElementsAre("getattr 42", "lookup 7"));
}

TEST_F(WireTest, AnErrorOnAnotherThreadIsExplainedToo) {
  fake.find = [](auto, auto) { return std::nullopt; };
  fake.lookup = [](auto, auto, auto) -> fs::Entry { throw_errno(ETIMEDOUT, "silence"); };
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "x").error, ETIMEDOUT);
  fake.open = [](auto, auto, auto) -> fs::Opened { throw_errno(EBUSY, "written elsewhere"); };
  EXPECT_EQ(ask(FUSE_OPEN, 5, fuse_open_in{}).error, EBUSY);
  EXPECT_THAT(fake.explained(), ElementsAre("lookup 7", "open 5"));
}

TEST_F(WireTest, AnErrorWithoutANumberIsNotSuccess) {
  fake.attributes = [](fs::NodeId) -> fs::Attributes { throw_errno(0, "which?"); };
  EXPECT_EQ(ask(FUSE_GETATTR, 42, fuse_getattr_in{}).error, EIO);
}

TEST_F(WireTest, OpenHandsOnFlagsAndWhatTheKernelMayKeep) {
  int seen = 0;
  fake.open = [&](fs::NodeId, int flags, auto) {
    seen = flags;
    return fs::Opened{.handle = std::make_unique<TestHandle>(), .keep_cache = true};
  };
  fuse_open_in body{};
  body.flags = O_RDONLY;
  auto out = ask(FUSE_OPEN, 5, body).as<fuse_open_out>();
  EXPECT_EQ(out.open_flags, static_cast<unsigned>(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH));

  fake.open = [&](fs::NodeId, int flags, auto) {
    seen = flags;
    return fs::Opened{.handle = std::make_unique<TestHandle>(), .direct_io = true};
  };
  body.flags = O_RDWR | O_TRUNC;
  out = ask(FUSE_OPEN, 5, body).as<fuse_open_out>();
  EXPECT_EQ(seen, O_RDWR | O_TRUNC);
  EXPECT_EQ(out.open_flags, static_cast<unsigned>(FOPEN_DIRECT_IO));
}

TEST_F(WireTest, CreateAnswersEntryAndHandle) {
  fake.create = [](fs::NodeId parent, std::string_view name, int flags, fs::Caller caller) {
    EXPECT_EQ(parent, 3U);
    EXPECT_EQ(name, "new.img");
    EXPECT_EQ(flags & O_ACCMODE, O_WRONLY);
    EXPECT_EQ(caller.pid, ::getpid());
    return std::pair(file_entry(11, 0, milliseconds(0)),
                     fs::Opened{.handle = std::make_unique<TestHandle>()});
  };
  fuse_create_in body{};
  body.flags = O_WRONLY | O_CREAT;
  const Answer answer =
      kernel.wait(kernel.send(FUSE_CREATE, 3, body, std::string_view("new.img\0", 8), ::gettid()));
  EXPECT_EQ(answer.as<fuse_entry_out>().nodeid, 11U);
  EXPECT_NE(answer.as<fuse_open_out>(sizeof(fuse_entry_out)).fh, 0U);
}

TEST_F(WireTest, ARegularNodeIsCreatedAndReleased) {
  fake.create = [](auto, auto, auto, auto) {
    return std::pair(file_entry(11, 0, milliseconds(0)),
                     fs::Opened{.handle = std::make_unique<TestHandle>()});
  };
  int released = 0;
  fake.release = [&](fs::Handle&) { ++released; };
  fuse_mknod_in body{};
  body.mode = S_IFREG | 0600;
  EXPECT_EQ(ask(FUSE_MKNOD, 3, body, std::string_view("a\0", 2)).as<fuse_entry_out>().nodeid, 11U);
  EXPECT_EQ(released, 1);
}

TEST_F(WireTest, TheAnswerToASymlinkIsALinkThatTheKernelForgetsAtOnce) {
  fake.symlink = [](fs::NodeId parent, std::string_view name, std::string_view target) {
    EXPECT_EQ(parent, 3U);
    EXPECT_EQ(name, "a");
    EXPECT_EQ(target, "http://h/x");
    fs::Entry entry = file_entry(1023, 10, milliseconds(0));
    entry.attributes.mode = S_IFLNK | 0777;
    return entry;
  };
  const Answer answer =
      kernel.wait(kernel.send_text(FUSE_SYMLINK, 3, std::string_view("a\0http://h/x\0", 13)));
  EXPECT_EQ(answer.error, 0);
  const auto entry = answer.as<fuse_entry_out>();
  EXPECT_EQ(entry.nodeid, 1023U);
  EXPECT_EQ(entry.attr.mode, static_cast<unsigned>(S_IFLNK | 0777));
  EXPECT_EQ(entry.entry_valid, 0U);
  EXPECT_EQ(entry.entry_valid_nsec, 0U);
  EXPECT_EQ(entry.attr_valid, 0U);
  EXPECT_EQ(entry.attr_valid_nsec, 0U);
}

TEST_F(WireTest, ARefusedSymlinkIsExplained) {
  fake.symlink = [](auto, auto, auto) -> fs::Entry { throw_errno(EPERM, "not here"); };
  EXPECT_EQ(kernel.wait(kernel.send_text(FUSE_SYMLINK, 3, std::string_view("a\0b\0", 4))).error,
            EPERM);
  EXPECT_THAT(fake.explained(), ElementsAre("symlink 3"));
}

TEST_F(WireTest, WhatGlanceHasNothingLikeIsRefusedWithAReason) {
  fuse_mknod_in fifo{};
  fifo.mode = S_IFIFO | 0600;
  EXPECT_EQ(ask(FUSE_MKNOD, 3, fifo, std::string_view("a\0", 2)).error, EPERM);
  EXPECT_EQ(ask(FUSE_MKDIR, 1, fuse_mkdir_in{}, std::string_view("d\0", 2)).error, EPERM);
  EXPECT_EQ(ask_name(FUSE_RMDIR, 1, "d").error, EPERM);
  EXPECT_EQ(ask(FUSE_LINK, 4, fuse_link_in{.oldnodeid = 5}, std::string_view("b\0", 2)).error,
            EPERM);
  EXPECT_THAT(fake.explained(), ElementsAre("mknod 3", "mkdir 1", "rmdir 1", "link 4"));
}

TEST_F(WireTest, FallocateBringsModeAndRange) {
  fake.allocate = [](int mode, std::uint64_t offset, std::uint64_t length) {
    EXPECT_EQ(mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    EXPECT_EQ(offset, 1ULL << 40);
    EXPECT_EQ(length, 4096U);
  };
  fuse_fallocate_in body{};
  body.fh = open_file(5, O_RDWR);
  body.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  body.offset = 1ULL << 40;
  body.length = 4096;
  EXPECT_EQ(ask(FUSE_FALLOCATE, 5, body).error, 0);
  fake.allocate = [](auto, auto, auto) { throw_errno(ENOSPC, "full"); };
  EXPECT_EQ(ask(FUSE_FALLOCATE, 5, body).error, ENOSPC);
  EXPECT_THAT(fake.explained(), ElementsAre("fallocate 5"));
}

TEST_F(WireTest, SeekFindsDataAndHoles) {
  fake.seek = [](std::uint64_t offset, fs::Seek wanted) -> std::uint64_t {
    if (offset == 99) throw_errno(ENXIO, "none");
    return wanted == fs::Seek::kHole ? offset + (1ULL << 40) : offset;
  };
  fuse_lseek_in body{};
  body.fh = open_file(5);
  body.offset = 7;
  body.whence = SEEK_DATA;
  EXPECT_EQ(ask(FUSE_LSEEK, 5, body).as<fuse_lseek_out>().offset, 7U);
  body.whence = SEEK_HOLE;
  EXPECT_EQ(ask(FUSE_LSEEK, 5, body).as<fuse_lseek_out>().offset, 7 + (1ULL << 40));
  body.offset = 99;
  EXPECT_EQ(ask(FUSE_LSEEK, 5, body).error, ENXIO);
}

TEST_F(WireTest, WhatTheKernelDoesByItselfIsLeftToIt) {
  EXPECT_EQ(ask(FUSE_IOCTL, 5, fuse_ioctl_in{}).error, ENOSYS);
  EXPECT_EQ(ask(FUSE_COPY_FILE_RANGE, 5, fuse_copy_file_range_in{}).error, ENOSYS);
  EXPECT_EQ(ask(FUSE_ACCESS, 5, fuse_access_in{}).error, ENOSYS);
  EXPECT_EQ(ask(FUSE_GETLK, 5, fuse_lk_in{}).error, ENOSYS);
}

TEST_F(WireTest, WriteTellsHowMuchWasTaken) {
  std::string written;
  fake.write = [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    EXPECT_EQ(offset, 4096U);
    written.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  fuse_write_in body{};
  body.fh = open_file(5, O_WRONLY);
  body.offset = 4096;
  body.size = 5;
  EXPECT_EQ(ask(FUSE_WRITE, 5, body, "hello").as<fuse_write_out>().size, 5U);
  EXPECT_EQ(written, "hello");
  fake.write = [](auto, auto) { throw_errno(ENOSPC, "spool"); };
  EXPECT_EQ(ask(FUSE_WRITE, 5, body, "hello").error, ENOSPC);
}

TEST_F(WireTest, FlushKnowsTheProcessOfTheCallingThread) {
  std::promise<pid_t> thread, seen;
  fake.flush = [&](fs::Caller caller, auto) { seen.set_value(caller.pid); };
  std::promise<void> over;
  std::thread caller([&] {
    thread.set_value(::gettid());
    over.get_future().wait();
  });
  const std::uint64_t fh = open_file(5, O_WRONLY);
  EXPECT_EQ(kernel.wait(send_flush(5, fh, thread.get_future().get())).error, 0);
  EXPECT_EQ(seen.get_future().get(), ::getpid());
  over.set_value();
  caller.join();
}

TEST_F(WireTest, FlushReportsWhyAnUploadFailed) {
  fake.flush = [](auto, auto) { throw_errno(EDQUOT, "image_size_total"); };
  EXPECT_EQ(kernel.wait(send_flush(5, open_file(5, O_WRONLY))).error, EDQUOT);
}

TEST_F(WireTest, FlushOfAReaderIsNothing) {
  EXPECT_EQ(kernel.wait(send_flush(5, open_file(5))).error, 0);  // an unexpected call would throw
}

TEST_F(WireTest, SetattrPassesOnWhatIsWanted) {
  fake.change = [](fs::NodeId node, const fs::AttributeChange& change, fs::Handle* handle) {
    EXPECT_EQ(change.mode.value_or(0) & 07777, 0444U);
    EXPECT_EQ(change.size, 77U);
    EXPECT_FALSE(change.uid);
    EXPECT_FALSE(change.gid);
    EXPECT_EQ(handle, nullptr);
    return file_entry(node, 77, {}).attributes;
  };
  fuse_setattr_in body{};
  body.valid = FATTR_MODE | FATTR_SIZE | FATTR_MTIME;
  body.mode = 0444;
  body.size = 77;
  EXPECT_EQ(ask(FUSE_SETATTR, 5, body).as<fuse_attr_out>().attr.size, 77U);
}

TEST_F(WireTest, FtruncateBringsItsHandle) {
  fake.change = [](fs::NodeId node, const fs::AttributeChange&, fs::Handle* handle) {
    EXPECT_NE(dynamic_cast<TestHandle*>(handle), nullptr);
    return file_entry(node, 0, {}).attributes;
  };
  fuse_setattr_in body{};
  body.valid = FATTR_SIZE | FATTR_FH;
  body.fh = open_file(5, O_WRONLY);
  EXPECT_EQ(ask(FUSE_SETATTR, 5, body).error, 0);
}

TEST_F(WireTest, NamesReachUnlinkAndRename) {
  fake.unlink = [](fs::NodeId parent, std::string_view name) {
    EXPECT_EQ(parent, 3U);
    EXPECT_EQ(name, "old");
  };
  EXPECT_EQ(ask_name(FUSE_UNLINK, 3, "old").error, 0);
  fake.rename = [](fs::NodeId from, std::string_view name, fs::NodeId to, std::string_view new_name,
                   unsigned flags) {
    EXPECT_EQ(from, 3U);
    EXPECT_EQ(name, "a");
    EXPECT_EQ(to, 4U);
    EXPECT_EQ(new_name, "b");
    EXPECT_EQ(flags, 1U);
    throw_errno(EEXIST, "b");
  };
  fuse_rename2_in body{};
  body.newdir = 4;
  body.flags = 1;
  EXPECT_EQ(ask(FUSE_RENAME2, 3, body, std::string_view("a\0b\0", 4)).error, EEXIST);
}

TEST_F(WireTest, StatisticsAreInBlocks) {
  fake.statistics = [] {
    return fs::Statistics{
        .bytes_total = 1 << 20, .bytes_free = 1 << 19, .files_total = 100, .files_free = 90};
  };
  const auto out = kernel.wait(kernel.send_text(FUSE_STATFS, 1, {})).as<fuse_statfs_out>().st;
  EXPECT_EQ(out.bsize, 4096U);
  EXPECT_EQ(out.blocks, 256U);
  EXPECT_EQ(out.bavail, 128U);
  EXPECT_EQ(out.ffree, 90U);
  EXPECT_EQ(out.namelen, 255U);
}

class XattrWireTest : public WireTest {
 protected:
  Answer get(const std::string& name, std::uint32_t room) {
    fuse_getxattr_in body{};
    body.size = room;
    return ask(FUSE_GETXATTR, 5, body, name + '\0');
  }
  Answer list(std::uint32_t room) {
    fuse_getxattr_in body{};
    body.size = room;
    return ask(FUSE_LISTXATTR, 5, body);
  }
  Answer set(const std::string& name, const std::string& value, unsigned flags) {
    // Without FUSE_SETXATTR_EXT, as negotiated, the structure has only its first half.
    struct {
      std::uint32_t size, flags;
    } body{static_cast<std::uint32_t>(value.size()), flags};
    return ask(FUSE_SETXATTR, 5, body, name + '\0' + value);
  }
};

TEST_F(XattrWireTest, TheSizeIsToldFirst) {
  fake.xattr = [](fs::NodeId, std::string_view name) -> std::optional<std::string> {
    EXPECT_EQ(name, "user.glance.os_distro");
    return "debian";
  };
  EXPECT_EQ(get("user.glance.os_distro", 0).as<fuse_getxattr_out>().size, 6U);
  EXPECT_EQ(get("user.glance.os_distro", 5).error, ERANGE);
  EXPECT_EQ(get("user.glance.os_distro", 6).text(), "debian");
  EXPECT_EQ(get("user.glance.os_distro", 4096).text(), "debian");
}

TEST_F(XattrWireTest, AbsentAndEmptyDiffer) {
  fake.xattr = [](auto, auto) { return std::nullopt; };
  EXPECT_EQ(get("user.glance.x", 0).error, ENODATA);
  fake.xattr = [](auto, auto) { return ""; };
  EXPECT_EQ(get("user.glance.x", 0).as<fuse_getxattr_out>().size, 0U);
  EXPECT_EQ(get("user.glance.x", 10).error, 0);
}

TEST_F(XattrWireTest, OtherNamespacesAreAnsweredAtOnce) {
  // Any call of the Filesystem would throw.
  EXPECT_EQ(get("security.capability", 100).error, ENODATA);
  EXPECT_EQ(get("security.selinux", 0).error, ENOTSUP) << "or ls -l asks for each file";
  EXPECT_EQ(get("system.posix_acl_access", 0).error, ENOTSUP);
  EXPECT_EQ(get("trusted.x", 0).error, ENOTSUP);
  EXPECT_EQ(set("system.posix_acl_access", "x", 0).error, ENOTSUP);
  EXPECT_EQ(set("security.selinux", "x", 0).error, ENOTSUP);
  EXPECT_EQ(ask_name(FUSE_REMOVEXATTR, 5, "system.posix_acl_access").error, ENOTSUP);
  EXPECT_TRUE(fake.explained().empty());
}

TEST_F(XattrWireTest, NamesAreListedWithTheirNul) {
  fake.xattr_names = [](fs::NodeId) { return std::vector<std::string>{"user.a", "user.b"}; };
  EXPECT_EQ(list(0).as<fuse_getxattr_out>().size, 14U);
  EXPECT_EQ(list(13).error, ERANGE);
  EXPECT_EQ(list(14).text(), std::string("user.a\0user.b\0", 14));
}

TEST_F(XattrWireTest, AListIsNeverLongerThanTheKernelTakes) {
  fake.xattr_names = [](fs::NodeId) {
    return std::vector<std::string>(1000, "user." + std::string(200, 'x'));
  };
  const auto size = list(0).as<fuse_getxattr_out>().size;
  EXPECT_LE(size, 65536U);
  EXPECT_GT(size, 65000U);
  EXPECT_EQ(list(65536).text().size(), size);
}

TEST_F(XattrWireTest, SettingHandsOnValueAndMode) {
  std::vector<fs::XattrMode> modes;
  fake.set_xattr = [&](fs::NodeId, std::string_view name, std::string_view value,
                       fs::XattrMode mode) {
    EXPECT_EQ(name, "user.glance.os_distro");
    EXPECT_EQ(value, std::string_view("a\0b", 3));
    modes.push_back(mode);
  };
  const std::string value("a\0b", 3);
  EXPECT_EQ(set("user.glance.os_distro", value, 0).error, 0);
  EXPECT_EQ(set("user.glance.os_distro", value, XATTR_CREATE).error, 0);
  EXPECT_EQ(set("user.glance.os_distro", value, XATTR_REPLACE).error, 0);
  EXPECT_THAT(modes,
              ElementsAre(fs::XattrMode::kSet, fs::XattrMode::kCreate, fs::XattrMode::kReplace));
  fake.remove_xattr = [](fs::NodeId, std::string_view) { throw_errno(ENODATA, "absent"); };
  EXPECT_EQ(ask_name(FUSE_REMOVEXATTR, 5, "user.glance.x").error, ENODATA);
}

TEST_F(XattrWireTest, WhatOnlyTheCloudKnowsIsAskedFor) {
  fake.ask_xattr = [](fs::NodeId node, std::string_view name, FakeFiles::Stop) {
    EXPECT_EQ(node, 5U);
    EXPECT_EQ(name, "user.glance.members");
    return std::optional<std::string>("a=pending");
  };
  EXPECT_EQ(get("user.glance.members", 0).as<fuse_getxattr_out>().size, 9U);
  EXPECT_EQ(get("user.glance.members", 8).error, ERANGE);
  EXPECT_EQ(get("user.glance.members", 9).text(), "a=pending");
  fake.ask_xattr = [](auto, auto, auto) { return std::optional<std::string>(); };
  EXPECT_EQ(get("user.glance.members", 9).error, ENODATA);
  fake.ask_xattr = [](auto, auto, auto) -> std::optional<std::string> {
    throw_errno(EACCES, "not yours");
  };
  EXPECT_EQ(get("user.glance.members", 9).error, EACCES);
  EXPECT_THAT(fake.explained(), ElementsAre("getxattr 5"));
}

}  // namespace
}  // namespace glancefs::test
