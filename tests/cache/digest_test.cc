#include "cache/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace glancefs::cache {
namespace {

std::string hex_of(std::string_view algorithm, std::string_view text) {
  auto hasher = Hasher::create(algorithm);
  if (!hasher) return "unknown";
  // In two parts, so that the state between updates counts.
  hasher->update(std::as_bytes(std::span(text.substr(0, text.size() / 2))));
  hasher->update(std::as_bytes(std::span(text.substr(text.size() / 2))));
  const Digest digest = hasher->finish();
  EXPECT_EQ(digest.algorithm, algorithm);
  return digest.hex;
}

// Values of RFC 1321, FIPS 180-4, FIPS 202 and RFC 7693.
TEST(Hasher, KnowsTheAlgorithmsOfGlance) {
  EXPECT_EQ(hex_of("md5", "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_of("sha1", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of("sha224", "abc"), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
  EXPECT_EQ(hex_of("sha256", "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of("sha512", ""),
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
  EXPECT_EQ(hex_of("sha3_256", "abc"),
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
  EXPECT_EQ(hex_of("blake2s", "abc"),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  for (const char* name :
       {"sha384", "sha512_224", "sha512_256", "sha3_224", "sha3_384", "sha3_512", "blake2b"}) {
    EXPECT_TRUE(Hasher::create(name).has_value()) << name;
  }
}

TEST(Hasher, RefusesWhatItDoesNotKnow) {
  for (const char* name : {"", "SHA512", "sha-512", "shake_128", "crc32", "../md5"}) {
    EXPECT_FALSE(Hasher::create(name).has_value()) << name;
    EXPECT_FALSE(collision_resistant(name)) << name;
  }
}

TEST(CollisionResistant, IsFalseForWhatAStrangerCanForge) {
  EXPECT_FALSE(collision_resistant("md5"));
  EXPECT_FALSE(collision_resistant("sha1"));
  for (const char* name : {"sha256", "sha512", "sha3_512", "blake2b"}) {
    EXPECT_TRUE(collision_resistant(name)) << name;
  }
}

}  // namespace
}  // namespace glancefs::cache
