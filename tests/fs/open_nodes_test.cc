// Files whose name is gone while they are open.
#include <fcntl.h>

#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

class OpenNodesTest : public RigTest {
 protected:
  OpenNodesTest() { rig_.start(); }
  int stat_error(NodeId node) {
    return errno_thrown([&] { files().attributes(node); });
  }
  void unlink(const std::string& name) { files().unlink(rig_.directory_node("private"), name, {}); }
};

TEST_F(OpenNodesTest, AnUnlinkedImageIsThereUntilTheLastClose) {
  rig_.copy_in("private", "a", "data");
  const NodeId node = rig_.node("private", "a");
  Opened one = files().open(node, O_RDONLY, {}, {});
  Opened two = files().open(node, O_RDONLY, {}, {});
  EXPECT_EQ(files().attributes(node).links, 1U);
  unlink("a");
  EXPECT_EQ(files().attributes(node).links, 0U);
  EXPECT_EQ(files().attributes(node).size, 4U);
  files().release(std::move(one.handle));
  EXPECT_EQ(stat_error(node), 0);
  files().release(std::move(two.handle));
  EXPECT_EQ(stat_error(node), ESTALE);
}

TEST_F(OpenNodesTest, AnUnlinkedFileBeingWrittenGrowsOn) {
  auto [entry, file] =
      files().create(rig_.directory_node("private"), "a", O_RDWR | O_CREAT, kWriter, {});
  write(file, 0, "data");
  unlink("a");
  write(file, 4, "more");
  EXPECT_EQ(files().attributes(entry.node).size, 8U);
  AttributeChange change;
  change.size = 2;
  EXPECT_EQ(files().change(entry.node, change, file.handle.get(), {}).size, 2U);
  EXPECT_EQ(rig_.read(*file.handle, 0, 10), "da");
  files().release(std::move(file.handle));
  EXPECT_EQ(stat_error(entry.node), ESTALE);
}

TEST_F(OpenNodesTest, WhatIsRemovedElsewhereIsStale) {
  rig_.copy_in("private", "a", "data");
  const NodeId node = rig_.node("private", "a");
  Opened file = files().open(node, O_RDONLY, {}, {});
  rig_.images.erase(rig_.images.id_of("a"));
  files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  EXPECT_EQ(stat_error(node), ESTALE);
  files().release(std::move(file.handle));
}

TEST_F(OpenNodesTest, NamesOfMoreThan255BytesAreTooLong) {
  const auto find_error = [&](std::size_t length) {
    return errno_thrown(
        [&] { files().find(rig_.directory_node("private"), std::string(length, 'n')); });
  };
  EXPECT_EQ(find_error(255), 0);
  EXPECT_EQ(find_error(256), ENAMETOOLONG);
}

}  // namespace
}  // namespace glancefs::fs
