// What open(2), creat(2), mknod(2) and truncate(2) make of names that are there and of such that
// are not, by the table of doc/SEMANTICS.md.
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Status;

struct Way {
  const char* name;
  int flags;  ///< of open(2); kTruncate: truncate(2)
  std::uint64_t size = 0;
};
constexpr int kTruncate = -1;

// By what is there: nothing, an active image, a queued one, one that is saved elsewhere, somebody
// else's, a deactivated one, and a file that is not at Glance yet.
enum What { kNone, kActive, kQueued, kSaving, kForeign, kDeactivated, kLocal, kWhats };

struct Row {
  Way way;
  int errors[kWhats];
  int replacing;  ///< of an active image with overwrite=replace
};

constexpr Row kRows[]{
    {{"read", O_RDONLY}, {ENOENT, 0, ENODATA, EBUSY, 0, EACCES, 0}, 0},
    {{"write", O_WRONLY}, {ENOENT, EPERM, 0, EBUSY, EACCES, EPERM, 0}, EPERM},
    {{"append", O_WRONLY | O_APPEND}, {ENOENT, EPERM, 0, EBUSY, EACCES, EPERM, 0}, EPERM},
    {{"update", O_RDWR}, {ENOENT, EPERM, 0, EBUSY, EACCES, EPERM, 0}, EPERM},
    {{"overwrite", O_WRONLY | O_TRUNC}, {ENOENT, EPERM, 0, EBUSY, EACCES, EPERM, 0}, 0},
    {{"creat", O_WRONLY | O_CREAT | O_TRUNC}, {0, EPERM, 0, EBUSY, EACCES, EPERM, 0}, 0},
    {{"create_or_update", O_RDWR | O_CREAT}, {0, EPERM, 0, EBUSY, EACCES, EPERM, 0}, EPERM},
    {{"create_or_append", O_WRONLY | O_CREAT | O_APPEND},
     {0, EPERM, 0, EBUSY, EACCES, EPERM, 0},
     EPERM},
    {{"create_or_read", O_RDONLY | O_CREAT}, {0, 0, ENODATA, EBUSY, 0, EACCES, 0}, 0},
    // mknod(2) comes as the first of these.
    {{"create_new", O_WRONLY | O_CREAT | O_EXCL},
     {0, EEXIST, EEXIST, EEXIST, EEXIST, EEXIST, EEXIST},
     EEXIST},
    {{"create_new_truncated", O_RDWR | O_CREAT | O_EXCL | O_TRUNC},
     {0, EEXIST, EEXIST, EEXIST, EEXIST, EEXIST, EEXIST},
     EEXIST},
    {{"empty_for_reading", O_RDONLY | O_TRUNC}, {ENOENT, EPERM, 0, EBUSY, EACCES, EPERM, 0}, EPERM},
    {{"truncate_to_nothing", kTruncate, 0}, {ENOENT, EPERM, 0, 0, EACCES, EPERM, 0}, EPERM},
    {{"truncate_to_its_size", kTruncate, 4}, {ENOENT, 0, EPERM, EBUSY, 0, 0, 0}, 0},
    {{"extend", kTruncate, 9}, {ENOENT, EPERM, EPERM, EBUSY, EACCES, EPERM, 0}, EPERM},
};

constexpr const char* kNames[kWhats]{"nothing", "active",      "queued", "saving",
                                     "foreign", "deactivated", "local"};

void PrintTo(const Row& row, std::ostream* out) { *out << row.way.name; }

class Opening : public RigTest,
                public testing::WithParamInterface<std::tuple<Row, int /*what*/, bool>> {
 protected:
  void make(What what) {
    const auto adjust = [&](client::Image& image) {
      if (what == kForeign) {
        image.owner = "somebody";
        image.visibility = client::Visibility::kCommunity;
      }
      if (what == kDeactivated) image.status = Status::kDeactivated;
      image.status_word = to_string(image.status);
    };
    if (what == kActive || what == kForeign || what == kDeactivated) {
      rig_.images.add("q", "data", adjust);
    }
    client::Image record = queued_image();
    if (what == kSaving) record.status = Status::kSaving;
    record.status_word = to_string(record.status);
    if (what == kQueued || what == kSaving) rig_.images.put(record);
    rig_.start();
    if (what != kLocal) return;
    auto [entry, file] =
        files().create(rig_.directory_node("private"), "q", O_RDWR | O_CREAT, kWriter, {});
    write(file, 0, "data");
    files().release(std::move(file.handle));
  }

  int try_it(const Way& way, const std::string& directory) {
    const NodeId where = rig_.directory_node(directory);
    const NodeId node = rig_.node(directory, "q");
    return errno_thrown([&] {
      if (node == 0 && (way.flags == kTruncate || (way.flags & O_CREAT) == 0)) {
        throw_errno(ENOENT, "the kernel says so");
      }
      if (way.flags == kTruncate) {
        AttributeChange change;
        change.size = way.size;
        files().change(node, change, nullptr, {});
        return;
      }
      Opened opened = (way.flags & O_CREAT) != 0
                          ? files().create(where, "q", way.flags, kWriter, {}).second
                          : open(directory, node, way.flags);
      files().release(std::move(opened.handle));
    });
  }
  // As the kernel, which looks up again what is stale.
  Opened open(const std::string& directory, NodeId node, int flags) {
    try {
      return files().open(node, flags, kWriter, {});
    } catch (const std::system_error& error) {
      if (error.code().value() != ESTALE) throw;
    }
    return files().open(rig_.node(directory, "q"), flags, kWriter, {});
  }
};

TEST_P(Opening, AnswersWhatTheTableSays) {
  const auto& [row, what, replace] = GetParam();
  rig_.config.replace = replace;
  make(static_cast<What>(what));
  const std::string directory = what == kForeign ? "community" : "private";
  const std::size_t before = rig_.images.count();
  const int expected = what == kActive && replace ? row.replacing : row.errors[what];
  EXPECT_EQ(try_it(row.way, directory), expected);
  EXPECT_EQ(rig_.images.count(), before);
  if (what == kActive) {
    EXPECT_EQ(rig_.images.data(rig_.images.id_of("q")), "data");
  }
}

std::string title(const testing::TestParamInfo<std::tuple<Row, int, bool>>& info) {
  const auto& [row, what, replace] = info.param;
  return std::string(row.way.name) + "_" + kNames[what] + (replace ? "_replace" : "");
}

INSTANTIATE_TEST_SUITE_P(Table, Opening,
                         testing::Combine(testing::ValuesIn(kRows), testing::Range(0, int{kWhats}),
                                          testing::Bool()),
                         title);

}  // namespace
}  // namespace glancefs::fs
