#include "fs/read/direct_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using test::FakeImages;
using Call = FakeImages::Call;

class DirectSourcesTest : public ::testing::Test {
 protected:
  // An image whose address is a file in `directory_` with `stored` in it.
  NodeId add(const std::string& data, const std::string& stored) {
    id_ = rig_.images.add("a", data).id;
    path_ = directory_ / id_;
    std::ofstream(path_, std::ios::binary) << stored;
    rig_.images.edit(id_, [this](client::Image& image) {
      image.properties.emplace_back("direct_url", "file://" + path_);
    });
    rig_.config.direct_files = true;
    rig_.start();
    return rig_.node("private", "a");
  }
  int downloads() { return rig_.images.calls(Call::kDownload) + rig_.images.calls(Call::kStream); }

  const test::TemporaryDirectory directory_;
  Rig rig_;
  std::string id_, path_;
};

TEST_F(DirectSourcesTest, ReadsTheFileOfTheStore) {
  const std::string data = pattern(3'000'000);
  const NodeId node = add(data, data);
  EXPECT_EQ(rig_.read_all(node), data);
  EXPECT_EQ(downloads(), 0);
  Opened again = rig_.files().open(node, O_RDONLY, {}, {});
  EXPECT_NE(again.file, nullptr) << "proven, so the kernel may read it";
  rig_.files().release(std::move(again.handle));
}

TEST_F(DirectSourcesTest, AnotherFileOfTheSameSizeIsNotServed) {
  const std::string data = pattern(500'000);
  std::string other = data;
  other[499'999] ^= 1;
  const NodeId node = add(data, other);
  EXPECT_EQ(rig_.read_all(node), data);
  EXPECT_GT(downloads(), 0);
  EXPECT_EQ(rig_.read_all(node), data) << "and not again";
}

TEST_F(DirectSourcesTest, WhatDoesNotFitIsReadFromGlance) {
  const std::string data = pattern(100'000);
  EXPECT_EQ(rig_.read_all(add(data, data + "x")), data);
  EXPECT_GT(downloads(), 0);
}

TEST_F(DirectSourcesTest, AFifoHoldsNobodyUp) {
  const std::string data = pattern(100'000);
  const NodeId node = add(data, data);
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(rig_.read_all(node), data);
}

TEST_F(DirectSourcesTest, AFileThatGetsShorterIsFetchedFromGlance) {
  const std::string data = pattern(1'000'000);
  const NodeId node = add(data, data);
  Opened file = rig_.files().open(node, O_RDONLY, {}, {});
  EXPECT_EQ(rig_.read(*file.handle, 0, 10), data.substr(0, 10));
  std::filesystem::resize_file(path_, 1000);
  EXPECT_EQ(rig_.read(*file.handle, 900'000, 10), data.substr(900'000, 10));
  EXPECT_GT(downloads(), 0);
  rig_.files().release(std::move(file.handle));
}

TEST(StorePaths, AreThoseThatEndInTheImagesId) {
  client::Image image;
  image.id = "11111111-2222-4333-8444-555555555555";
  image.properties = {
      {"direct_url", "file:///var/lib/glance/images/" + image.id},
      {"locations", R"([{"url":"file:///srv/slow/)" + image.id + R"("},{"url":"rbd://x"},)" +
                        R"({"url":"file:///etc/shadow"},{"url":"file://relative/)" + image.id +
                        R"("},{"nothing":1}])"}};
  EXPECT_THAT(store_paths(image), ::testing::ElementsAre("/var/lib/glance/images/" + image.id,
                                                         "/srv/slow/" + image.id));
  image.properties = {{"locations", "not json"}};
  EXPECT_THAT(store_paths(image), ::testing::IsEmpty());
}

}  // namespace
}  // namespace glancefs::fs
