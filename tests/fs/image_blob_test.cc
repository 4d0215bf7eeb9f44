// Images as bytes and back, and what becomes of bytes that are no image.
#include "fs/catalogue/image_blob.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace glancefs::fs {
namespace {

using client::Image;

const std::string kId = "12345678-1234-4234-8234-123456789abc";

Image full() {
  Image image;
  image.id = kId;
  image.name = std::string("na\0me\xc3\xa4", 7);
  image.status = client::Status::kDeactivated;
  image.status_word = "deactivated";
  image.visibility = client::Visibility::kCommunity;
  image.owner = "p1";
  image.disk_format = "qcow2";
  image.container_format = "";
  image.size = (1ULL << 63U) - 1;
  image.virtual_size = 0;
  image.checksum = "d41d8cd98f00b204e9800998ecf8427e";
  image.hash_algorithm = "sha512";
  image.hash = std::string(128, 'a');
  image.min_disk = 10;
  image.min_ram = 1ULL << 40U;
  image.is_protected = true;
  image.hidden = true;
  image.tags = {"a", "a", "b"};
  image.created = std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000));
  image.updated = std::chrono::sys_seconds(std::chrono::seconds(-1));
  image.properties = {{"", ""}, {"a", std::string(1000, 'x')}, {"b", "1"}};
  return image;
}

TEST(ImageBlob, AnImageComesBackAsItWas) {
  EXPECT_EQ(decode_image(kId, encode_image(full())), full());
  Image bare;
  bare.id = kId;
  bare.status_word = "a word to come";
  EXPECT_EQ(decode_image(kId, encode_image(bare)), bare);
}

TEST(ImageBlob, EveryStatusKeepsItsMeaning) {
  for (const char* word : {"queued", "saving", "uploading", "importing", "active", "deactivated"}) {
    Image image = full();
    image.status_word = word;
    image.status = client::status_of(word);
    EXPECT_EQ(decode_image(kId, encode_image(image)), image);
  }
}

TEST(ImageBlob, WhatIsNotOursIsNoImage) {
  const std::string good = encode_image(full());
  EXPECT_FALSE(decode_image("../../etc/passwd", good));
  EXPECT_FALSE(decode_image(kId, ""));
  std::string newer = good;
  newer[0] = 2;
  EXPECT_FALSE(decode_image(kId, newer)) << "another version";
  EXPECT_FALSE(decode_image(kId, good + '\0')) << "more than an image";
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_FALSE(decode_image(kId, good.substr(0, size))) << size;
  }
  Image unsorted = full();
  std::ranges::reverse(unsorted.properties);
  EXPECT_FALSE(decode_image(kId, encode_image(unsorted)));
  Image twice = full();
  twice.properties = {{"a", "1"}, {"a", "2"}};
  EXPECT_FALSE(decode_image(kId, encode_image(twice)));
  Image large = full();
  large.size = 1ULL << 63U;
  EXPECT_FALSE(decode_image(kId, encode_image(large)));
}

// Whatever comes in: no crash, and what is taken for an image is exactly what would be written.
TEST(ImageBlob, AnyBytesAreAnImageOrNone) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  const std::string good = encode_image(full());
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes = good;
    const auto changes = 1 + random() % 3;
    for (unsigned i = 0; i < changes; ++i) {
      const auto at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 5);
          if (bytes.empty()) bytes = "x";
          break;
        default:
          bytes.insert(at, std::string(1 + random() % 5, static_cast<char>(random())));
      }
    }
    const auto image = decode_image(kId, bytes);
    if (!image) continue;
    ++taken;
    ASSERT_EQ(encode_image(*image), bytes);
  }
  EXPECT_GT(taken, 1000) << "changed texts are images, too";
}

}  // namespace
}  // namespace glancefs::fs
