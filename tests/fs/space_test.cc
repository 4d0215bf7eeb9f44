// Holes of files, and disk that is taken before it is written.
#include <fcntl.h>

#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kPart = 64 << 10;
constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

class Space : public RigTest {
 protected:
  Space() {
    rig_.spools = cache::open_spools(rig_.directory / "state", 0);
    rig_.start();
  }
  std::pair<Entry, Opened> create(int flags = O_WRONLY | O_CREAT) {
    return files().create(rig_.directory_node("private"), "a", flags, kWriter, {});
  }
  int allocate(Opened& file, int mode, std::uint64_t offset, std::uint64_t length,
               std::stop_token stop = {}) {
    return errno_thrown(
        [&] { files().allocate(*file.handle, mode, offset, length, std::move(stop)); });
  }
  /// What lseek(2) answers; -1: ENXIO.
  std::int64_t seek(const Opened& file, std::uint64_t offset, Seek wanted) {
    std::int64_t found = -1;
    const int error = errno_thrown(
        [&] { found = static_cast<std::int64_t>(files().seek(*file.handle, offset, wanted)); });
    EXPECT_TRUE(error == 0 || error == ENXIO) << error;
    return found;
  }
  int close(Opened& file) {
    const int error = errno_thrown([&] { files().flush(*file.handle, kWriter, {}); });
    files().release(std::move(file.handle));
    return error;
  }
  std::string sent() { return rig_.images.data(image("a").id); }
};

TEST_F(Space, IsTakenAndGivenBackWhileAFileIsWritten) {
  auto [entry, file] = create();
  EXPECT_EQ(allocate(file, 0, 0, 2 * kPart), 0);
  EXPECT_EQ(files().attributes(entry.node).size, 2 * kPart);
  EXPECT_EQ(allocate(file, FALLOC_FL_KEEP_SIZE, 0, 9 * kPart), 0);
  EXPECT_EQ(files().attributes(entry.node).size, 2 * kPart);
  write(file, 0, std::string(3 * kPart, 'x'));
  EXPECT_EQ(allocate(file, kPunch, 0, kPart), 0);
  EXPECT_EQ(allocate(file, FALLOC_FL_ZERO_RANGE, 2 * kPart, 2 * kPart), 0);
  EXPECT_EQ(close(file), 0);
  EXPECT_TRUE(sent() ==
              std::string(kPart, '\0') + std::string(kPart, 'x') + std::string(2 * kPart, '\0'));
}

TEST_F(Space, OfALargeFileIsTakenInSteps) {
  auto [entry, file] = create();
  EXPECT_EQ(allocate(file, 0, 0, (300ULL << 20) + 1), 0);
  EXPECT_EQ(files().attributes(entry.node).size, (300ULL << 20) + 1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(allocate(file, 0, 0, 400ULL << 20, stop.get_token()), EINTR);
  EXPECT_EQ(files().attributes(entry.node).size, (300ULL << 20) + 1);
  EXPECT_EQ(allocate(file, kPunch, 0, 1ULL << 62), 0) << "at once";
  files().unlink(rig_.directory_node("private"), "a", {});
}

TEST_F(Space, AskedForAloneIsNoDataYet) {
  auto [entry, file] = create();
  EXPECT_EQ(allocate(file, 0, 0, kPart), 0);
  EXPECT_FALSE(files().flush_uploads(*file.handle, kWriter)) << "somebody else will fill it";
  write(file, 0, "x");
  EXPECT_TRUE(files().flush_uploads(*file.handle, kWriter));
  EXPECT_EQ(close(file), 0);
  EXPECT_TRUE(sent() == "x" + std::string(kPart - 1, '\0'));
}

TEST_F(Space, OfAnImageIsNobodysToChange) {
  auto [entry, file] = create();
  write(file, 0, "data");
  EXPECT_EQ(errno_thrown([&] { files().flush(*file.handle, kWriter, {}); }), 0);
  EXPECT_EQ(allocate(file, 0, 0, kPart), EPERM);
  EXPECT_EQ(allocate(file, kPunch, 0, 4), EPERM);
  files().release(std::move(file.handle));
  Opened reading = files().open(rig_.node("private", "a"), O_RDONLY, {}, {});
  EXPECT_EQ(allocate(reading, kPunch, 0, 4), EBADF);
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), "data");
}

TEST_F(Space, OfOtherKindsAndBeyondAllLimitsIsRefused) {
  auto [entry, file] = create();
  EXPECT_EQ(allocate(file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
  EXPECT_EQ(allocate(file, 0, (~0ULL >> 1U) - 10, 11), EFBIG);
  EXPECT_EQ(files().attributes(entry.node).size, 0U);
  files().unlink(rig_.directory_node("private"), "a", {});
}

TEST_F(Space, ThatTheSpoolHasNotLeavesTheFileAsItWas) {
  rig_.stop();
  rig_.spools = cache::open_spools(rig_.directory / "limited", 100ULL << 20);
  rig_.start();
  auto [entry, file] = create();
  write(file, 0, "data");
  EXPECT_EQ(allocate(file, 0, 0, 200ULL << 20), ENOSPC) << "the second step finds no more";
  EXPECT_EQ(files().attributes(entry.node).size, 4U);
  EXPECT_EQ(close(file), 0) << "the bytes are all there";
  EXPECT_EQ(sent(), "data");
}

TEST_F(Space, HolesAreThoseOfTheSpool) {
  auto [entry, file] = create(O_RDWR | O_CREAT);
  write(file, 2 * kPart, std::string(kPart, 'x'));
  AttributeChange change;
  change.size = 8 * kPart;
  files().change(entry.node, change, file.handle.get(), {});
  EXPECT_EQ(seek(file, 0, Seek::kHole), 0);
  EXPECT_EQ(seek(file, 0, Seek::kData), 2 * kPart);
  EXPECT_EQ(seek(file, 2 * kPart + 5, Seek::kData), 2 * kPart + 5);
  EXPECT_EQ(seek(file, 2 * kPart, Seek::kHole), 3 * kPart);
  EXPECT_EQ(seek(file, 3 * kPart, Seek::kData), -1);
  EXPECT_EQ(seek(file, 8 * kPart - 1, Seek::kHole), 8 * kPart - 1);
  EXPECT_EQ(seek(file, 8 * kPart, Seek::kHole), -1);
  EXPECT_EQ(seek(file, ~0ULL >> 1U, Seek::kData), -1);
  files().release(std::move(file.handle));
}

TEST_F(Space, AnImageIsAllData) {
  rig_.copy_in("private", "a", std::string(4 * kPart, '\0'));
  const Opened file = files().open(rig_.node("private", "a"), O_RDONLY, {}, {});
  EXPECT_EQ(seek(file, 5, Seek::kData), 5);
  EXPECT_EQ(seek(file, 5, Seek::kHole), 4 * kPart);
  EXPECT_EQ(seek(file, 4 * kPart, Seek::kHole), -1);
  const NodeId control = files().find(kRootNode, ".glancefs")->node;
  const Opened text = files().open(files().find(control, "status")->node, O_RDONLY, {}, {});
  EXPECT_EQ(seek(text, 0, Seek::kData), 0);
  EXPECT_EQ(seek(text, 1ULL << 40, Seek::kData), -1);
}

}  // namespace
}  // namespace glancefs::fs
