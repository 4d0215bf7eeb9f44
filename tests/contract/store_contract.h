// What every cache::Store promises, whatever it keeps its bytes in. A suite over a type with
//   static std::unique_ptr<Store> make(const std::string& directory, std::uint64_t limit);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/store.h"
#include "tests/support/cache_samples.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::cache {

template <typename Stores>
class StoreContract : public ::testing::Test {
 protected:
  std::unique_ptr<Store> make(std::uint64_t limit = 1ULL << 30U) {
    return Stores::make(top_ / "cache", limit);
  }
  test::TemporaryDirectory top_;
};

TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, BeginsEmpty) {
  const auto store = this->make(12345);
  const Usage usage = store->usage();
  EXPECT_EQ(usage.bytes, 0U);
  EXPECT_EQ(usage.objects, 0U);
  EXPECT_EQ(usage.limit, 12345U);
  const auto entry = store->open({.source = "a", .size = 3 * kBlockSize + 5, .content = {}});
  EXPECT_EQ(entry->present(), 0U);
  EXPECT_FALSE(entry->complete());
  EXPECT_FALSE(entry->sealed());
  EXPECT_EQ(entry->file(), nullptr);
  EXPECT_EQ(entry->missing(0, entry->key().size), (Extent{0, entry->key().size}));
  EXPECT_EQ(entry->missing(kBlockSize + 7, 1), (Extent{kBlockSize, kBlockSize}));
  std::array<std::byte, 10> bytes{};
  EXPECT_EQ(entry->read(0, bytes), 0U);
  EXPECT_EQ(entry->seal(), Seal::kIncomplete);
}

TYPED_TEST_P(StoreContract, ReturnsTheBytesItWasGiven) {
  const auto store = this->make();
  const auto bytes = sample_bytes(5 * kBlockSize + 777);
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_EQ(entry->key().source, "a");
  ASSERT_TRUE(entry->write(0, bytes));
  EXPECT_TRUE(entry->complete());
  EXPECT_EQ(entry->missing(0, bytes.size()), std::nullopt);
  EXPECT_EQ(read_all(*entry), bytes);
  for (const auto& [offset, length] : std::vector<Extent>{{0, 1},
                                                          {kBlockSize - 1, 2},
                                                          {100, 3 * kBlockSize},
                                                          {bytes.size() - 1, 1},
                                                          {bytes.size() - 700, 700},
                                                          {kBlockSize, kBlockSize}}) {
    std::vector<std::byte> part(length);
    ASSERT_EQ(entry->read(offset, part), length) << offset;
    EXPECT_TRUE(std::ranges::equal(part, std::span(bytes).subspan(offset, length))) << offset;
  }
  std::vector<std::byte> beyond(1000);
  EXPECT_EQ(entry->read(bytes.size() - 10, beyond), 10U) << "not past the end";
  EXPECT_EQ(entry->read(bytes.size(), beyond), 0U);
  EXPECT_GT(store->usage().hits, bytes.size());
  EXPECT_EQ(store->usage().bytes, bytes.size());
  EXPECT_EQ(store->usage().objects, 1U);
}

TYPED_TEST_P(StoreContract, KnowsWhatIsMissing) {
  const auto store = this->make();
  const auto bytes = sample_bytes(10 * kBlockSize + 1);
  const auto entry = store->open(key_for("a", bytes));
  const auto put = [&](std::uint64_t block, std::uint64_t length) {
    return entry->write(block * kBlockSize, std::span(bytes).subspan(block * kBlockSize, length));
  };
  ASSERT_TRUE(put(2, kBlockSize));
  ASSERT_TRUE(put(5, 2 * kBlockSize));
  ASSERT_TRUE(put(10, 1));
  EXPECT_EQ(entry->present(), 3 * kBlockSize + 1);
  EXPECT_EQ(entry->missing(0, bytes.size()), (Extent{0, 2 * kBlockSize}));
  EXPECT_EQ(entry->missing(2 * kBlockSize, kBlockSize), std::nullopt);
  EXPECT_EQ(entry->missing(2 * kBlockSize + 9, kBlockSize), (Extent{3 * kBlockSize, kBlockSize}))
      << "no more than was asked for";
  EXPECT_EQ(entry->missing(8 * kBlockSize, bytes.size() - 8 * kBlockSize),
            (Extent{8 * kBlockSize, 2 * kBlockSize}));
  EXPECT_EQ(entry->missing(10 * kBlockSize, 1), std::nullopt);
  std::vector<std::byte> run(9 * kBlockSize);
  EXPECT_EQ(entry->read(2 * kBlockSize, run), kBlockSize) << "as far as blocks are present";
  EXPECT_EQ(entry->read(5 * kBlockSize + 1, run), 2 * kBlockSize - 1);
  EXPECT_EQ(entry->read(3 * kBlockSize, run), 0U);
}

TYPED_TEST_P(StoreContract, NeverReplacesABlock) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize), others = sample_bytes(3 * kBlockSize, 2);
  const auto entry = store->open(key_for("a", bytes));
  ASSERT_TRUE(entry->write(kBlockSize, std::span(bytes).subspan(kBlockSize, kBlockSize)));
  ASSERT_TRUE(entry->write(0, others));
  std::vector<std::byte> middle(kBlockSize);
  ASSERT_EQ(entry->read(kBlockSize, middle), kBlockSize);
  EXPECT_TRUE(std::ranges::equal(middle, std::span(bytes).subspan(kBlockSize, kBlockSize)));
}

TYPED_TEST_P(StoreContract, GivesTheSameObjectWhileItIsHeld) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize);
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_EQ(store->open(key_for("a", bytes)), entry);
  EXPECT_NE(store->open(key_for("b", bytes)), entry);
  ASSERT_TRUE(entry->write(0, std::span(bytes).first(kBlockSize)));
  EXPECT_EQ(store->open(key_for("b", bytes))->present(), 0U) << "unproven bytes are not shared";
}

TYPED_TEST_P(StoreContract, KeepsWhatNobodyHolds) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize);
  ASSERT_TRUE(store->open(key_for("a", bytes))->write(0, std::span(bytes).first(kBlockSize)));
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_EQ(entry->present(), kBlockSize);
  EXPECT_EQ(entry->missing(0, 2 * kBlockSize), (Extent{kBlockSize, kBlockSize}));
}

TYPED_TEST_P(StoreContract, DropsAnObjectWhoseSizeOrContentHasChanged) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize), others = sample_bytes(2 * kBlockSize, 2);
  ASSERT_TRUE(store->open(key_for("a", bytes))->write(0, bytes));
  EXPECT_EQ(store->open(key_for("a", others))->present(), 0U);
  const auto held = store->open(key_for("a", others));
  ASSERT_TRUE(held->write(0, others));
  const auto smaller = store->open({.source = "a", .size = 5, .content = {}});
  EXPECT_EQ(smaller->present(), 0U);
  EXPECT_EQ(smaller->key().size, 5U);
  EXPECT_EQ(read_all(*held), others) << "whoever holds it keeps it";
  ASSERT_TRUE(smaller->write(0, sample_bytes(5)));
  EXPECT_EQ(read_all(*smaller), sample_bytes(5));
}

TYPED_TEST_P(StoreContract, SealsWhatHasTheRightHash) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize + 9);
  for (const std::string algorithm : {"sha512", "sha256", "md5", "blake2b"}) {
    const auto entry = store->open(key_for(algorithm, bytes, algorithm));
    ASSERT_TRUE(entry->write(0, bytes));
    EXPECT_EQ(entry->seal(), Seal::kSealed) << algorithm;
    EXPECT_TRUE(entry->sealed());
    EXPECT_EQ(entry->seal(), Seal::kSealed) << "again";
    EXPECT_EQ(read_all(*entry), bytes);
  }
  const auto unnamed = store->open({.source = "no hash", .size = bytes.size(), .content = {}});
  ASSERT_TRUE(unnamed->write(0, bytes));
  EXPECT_EQ(unnamed->seal(), Seal::kSealed);
  EXPECT_EQ(store->open(unnamed->key()), unnamed);
}

TYPED_TEST_P(StoreContract, WhatIsDroppedIsAsProvenAsBeforeToWhoeverHoldsIt) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize + 1);
  const auto held = store->open(key_for("a", bytes));
  ASSERT_TRUE(held->write(0, bytes));
  ASSERT_EQ(held->seal(), Seal::kSealed);
  store->drop("a");
  EXPECT_TRUE(held->sealed());
  EXPECT_EQ(held->seal(), Seal::kSealed);
  EXPECT_EQ(read_all(*held), bytes);
}

TYPED_TEST_P(StoreContract, SealsLaterWhatWasStopped) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize + 9);
  const auto entry = store->open(key_for("a", bytes));
  ASSERT_TRUE(entry->write(0, bytes));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(entry->seal(stop.get_token()), Seal::kIncomplete);
  EXPECT_FALSE(entry->sealed());
  EXPECT_EQ(read_all(*entry), bytes);
  EXPECT_EQ(entry->seal(), Seal::kSealed);
}

TYPED_TEST_P(StoreContract, SealsWhatWasPreparedInPieces) {
  const auto store = this->make();
  const auto bytes = sample_bytes(5 * kBlockSize + 9);
  const auto entry = store->open(key_for("a", bytes));
  entry->prepare_seal({});
  for (const std::uint64_t block : {1U, 0U, 4U, 5U, 2U, 3U}) {
    const std::uint64_t at = block * kBlockSize;
    const auto part =
        std::span(bytes).subspan(at, std::min<std::uint64_t>(kBlockSize, bytes.size() - at));
    ASSERT_TRUE(entry->write(at, part));
    entry->prepare_seal({});
  }
  EXPECT_EQ(entry->seal(), Seal::kSealed);
  EXPECT_EQ(read_all(*entry), bytes);
}

TYPED_TEST_P(StoreContract, DropsAllBlocksWhenTheHashIsAnother) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize), others = sample_bytes(3 * kBlockSize, 2);
  for (const std::string algorithm : {"sha512", "md5"}) {
    const auto entry = store->open(key_for(algorithm, bytes, algorithm));
    ASSERT_TRUE(entry->write(0, others));
    EXPECT_EQ(entry->seal(), Seal::kMismatch);
    EXPECT_FALSE(entry->sealed());
    EXPECT_EQ(entry->present(), 0U);
    std::array<std::byte, 1> one{};
    EXPECT_EQ(entry->read(0, one), 0U);
    ASSERT_TRUE(entry->write(0, bytes)) << "a second try is possible";
    EXPECT_EQ(entry->seal(), Seal::kSealed);
    EXPECT_EQ(read_all(*entry), bytes);
  }
}

TYPED_TEST_P(StoreContract, SealsAnEmptyObject) {
  const auto store = this->make();
  const std::vector<std::byte> nothing;
  const auto entry = store->open(key_for("a", nothing));
  EXPECT_TRUE(entry->complete());
  EXPECT_EQ(entry->seal(), Seal::kSealed);
  const auto lie = store->open({.source = "b", .size = 0, .content = digest_of(sample_bytes(1))});
  EXPECT_EQ(lie->seal(), Seal::kMismatch);
}

TYPED_TEST_P(StoreContract, SharesProvenBytesByTheirHash) {
  const auto store = this->make();
  const auto bytes = sample_bytes(4 * kBlockSize);
  const auto first = store->open(key_for("cloud-1/id-1", bytes));
  ASSERT_TRUE(first->write(0, bytes));
  ASSERT_EQ(first->seal(), Seal::kSealed);
  const auto second = store->open(key_for("cloud-2/id-2", bytes));
  EXPECT_TRUE(second->sealed());
  EXPECT_EQ(second->key().source, "cloud-2/id-2");
  EXPECT_EQ(read_all(*second), bytes);
  EXPECT_EQ(store->usage().bytes, bytes.size()) << "kept once";
  EXPECT_EQ(store->usage().objects, 1U);
}

TYPED_TEST_P(StoreContract, JoinsTwoThatTurnOutEqual) {
  const auto store = this->make();
  const auto bytes = sample_bytes(4 * kBlockSize);
  const auto first = store->open(key_for("a", bytes)), second = store->open(key_for("b", bytes));
  ASSERT_TRUE(first->write(0, bytes));
  ASSERT_TRUE(second->write(0, bytes));
  EXPECT_EQ(store->usage().bytes, 2 * bytes.size());
  EXPECT_EQ(first->seal(), Seal::kSealed);
  EXPECT_EQ(second->seal(), Seal::kSealed);
  EXPECT_EQ(store->usage().bytes, bytes.size());
  EXPECT_EQ(read_all(*first), bytes);
  EXPECT_EQ(read_all(*second), bytes);
}

TYPED_TEST_P(StoreContract, NeverSharesByAForgeableHash) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize);
  for (const std::string algorithm : {"md5", "sha1"}) {
    const auto entry = store->open(key_for("a " + algorithm, bytes, algorithm));
    ASSERT_TRUE(entry->write(0, bytes));
    ASSERT_EQ(entry->seal(), Seal::kSealed);
    EXPECT_EQ(store->open(key_for("b " + algorithm, bytes, algorithm))->present(), 0U);
  }
}

TYPED_TEST_P(StoreContract, GivesNothingToAnotherWhoClaimsAHash) {
  const auto store = this->make();
  const auto secret = sample_bytes(4 * kBlockSize), forged = sample_bytes(4 * kBlockSize, 2);
  const auto victim = store->open(key_for("victim", secret));
  ASSERT_TRUE(victim->write(0, std::span(secret).first(2 * kBlockSize)));
  const auto hostile = store->open(key_for("hostile", secret));
  EXPECT_EQ(hostile->present(), 0U) << "sees nothing of what is unproven";
  ASSERT_TRUE(hostile->write(0, forged));
  EXPECT_EQ(hostile->seal(), Seal::kMismatch) << "and cannot prove its own";
  ASSERT_TRUE(victim->write(0, secret));
  EXPECT_EQ(victim->seal(), Seal::kSealed);
  EXPECT_EQ(read_all(*victim), secret);
}

TYPED_TEST_P(StoreContract, TreatsADigestThatIsNoneAsAMismatch) {
  const auto store = this->make();
  const auto bytes = sample_bytes(100);
  for (const std::string hex : {"", "../../../../etc/passwd", "ABCDEF", "zz"}) {
    Key key{.source = "a" + hex, .size = 100, .content = Digest{.algorithm = "sha512", .hex = hex}};
    const auto entry = store->open(key);
    ASSERT_TRUE(entry->write(0, bytes));
    EXPECT_EQ(entry->seal(), Seal::kMismatch) << hex;
  }
  // A hash nobody here can compute proves nothing: kept for its own source.
  Key key{.source = "b", .size = 100, .content = Digest{.algorithm = "../x", .hex = "../../y"}};
  const auto entry = store->open(key);
  ASSERT_TRUE(entry->write(0, bytes));
  EXPECT_EQ(entry->seal(), Seal::kSealed);
  key.source = "c";
  EXPECT_EQ(store->open(key)->present(), 0U);
}

TYPED_TEST_P(StoreContract, TakesSourcesOfAnyBytes) {
  const auto store = this->make();
  const auto bytes = sample_bytes(100);
  const std::string odd("../\n\0'; DROP TABLE objects;--\xff", 31);
  ASSERT_TRUE(store->open(key_for(odd, bytes))->write(0, bytes));
  ASSERT_TRUE(store->open(key_for(std::string(500, '/'), bytes))->write(0, bytes));
  EXPECT_EQ(store->open(key_for(odd, bytes))->present(), 100U);
  EXPECT_EQ(store->open(key_for(std::string("../\n"), bytes))->present(), 0U);
}

TYPED_TEST_P(StoreContract, ServesManyThreadsAtOnce) {
  const auto store = this->make();
  const auto bytes = sample_bytes(32 * kBlockSize + 3);
  const auto entry = store->open(key_for("a", bytes));
  std::atomic<int> wrong = 0, sealed = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 33; ++i) {
          const std::uint64_t at = (i * 7 + t * 11) % 33 * kBlockSize;
          const auto part =
              std::span(bytes).subspan(at, std::min<std::uint64_t>(kBlockSize, bytes.size() - at));
          if (!entry->write(at, part)) ++wrong;
          std::vector<std::byte> read(part.size());
          if (entry->read(at, read) != part.size() || !std::ranges::equal(read, part)) ++wrong;
          store->usage();
        }
        if (entry->seal() == Seal::kSealed) ++sealed;
        if (store->open(entry->key()) != entry) ++wrong;
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(sealed, 4);
  EXPECT_EQ(read_all(*entry), bytes);
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, BeginsEmpty, ReturnsTheBytesItWasGiven,
                            KnowsWhatIsMissing, NeverReplacesABlock,
                            GivesTheSameObjectWhileItIsHeld, KeepsWhatNobodyHolds,
                            DropsAnObjectWhoseSizeOrContentHasChanged, SealsWhatHasTheRightHash,
                            WhatIsDroppedIsAsProvenAsBeforeToWhoeverHoldsIt,
                            SealsLaterWhatWasStopped, SealsWhatWasPreparedInPieces,
                            DropsAllBlocksWhenTheHashIsAnother, SealsAnEmptyObject,
                            SharesProvenBytesByTheirHash, JoinsTwoThatTurnOutEqual,
                            NeverSharesByAForgeableHash, GivesNothingToAnotherWhoClaimsAHash,
                            TreatsADigestThatIsNoneAsAMismatch, TakesSourcesOfAnyBytes,
                            ServesManyThreadsAtOnce);

}  // namespace glancefs::cache
