// What every cache::Store promises about room: what it keeps, forgets and takes over. See
// store_contract.h.
#pragma once

#include "tests/contract/store_contract.h"

namespace glancefs::cache {

template <typename Stores>
class StoreRoomContract : public StoreContract<Stores> {};

TYPED_TEST_SUITE_P(StoreRoomContract);

TYPED_TEST_P(StoreRoomContract, StaysWithinItsLimit) {
  const auto store = this->make(8 * kBlockSize);
  const auto bytes = sample_bytes(3 * kBlockSize);
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(store->open(key_for("object " + std::to_string(i), bytes))->write(0, bytes)) << i;
    EXPECT_LE(store->usage().bytes, 8 * kBlockSize);
  }
  EXPECT_EQ(store->open(key_for("object 0", bytes))->present(), 0U);
  EXPECT_EQ(store->open(key_for("object 5", bytes))->present(), bytes.size());
  EXPECT_GE(store->usage().evicted, 10 * kBlockSize);
}

TYPED_TEST_P(StoreRoomContract, GivesUpTheObjectUsedLongestAgo) {
  const auto store = this->make(8 * kBlockSize);
  const auto bytes = sample_bytes(2 * kBlockSize);
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(store->open(key_for(name, bytes))->write(0, bytes));
  }
  read_all(*store->open(key_for("a", bytes)));
  ASSERT_TRUE(store->open(key_for("e", bytes))->write(0, bytes));
  EXPECT_EQ(store->open(key_for("a", bytes))->present(), bytes.size());
  EXPECT_LT(store->open(key_for("b", bytes))->present(), bytes.size());
}

TYPED_TEST_P(StoreRoomContract, ServesAnObjectLargerThanItsLimit) {
  const auto store = this->make(4 * kBlockSize);
  const auto bytes = sample_bytes(20 * kBlockSize + 5);
  const auto entry = store->open(key_for("a", bytes));
  for (std::uint64_t at = 0; at < bytes.size(); at += kBlockSize) {
    const auto part =
        std::span(bytes).subspan(at, std::min<std::uint64_t>(kBlockSize, bytes.size() - at));
    ASSERT_TRUE(entry->write(at, part)) << at;
    std::vector<std::byte> read(part.size());
    ASSERT_EQ(entry->read(at, read), part.size()) << at;
    EXPECT_TRUE(std::ranges::equal(read, part)) << at;
    EXPECT_LE(store->usage().bytes, 4 * kBlockSize);
  }
  EXPECT_FALSE(entry->complete());
  EXPECT_EQ(entry->missing(0, 1)->offset, 0U);
}

TYPED_TEST_P(StoreRoomContract, KeepsNothingWithoutRoom) {
  const auto store = this->make(kBlockSize - 1);
  const auto bytes = sample_bytes(kBlockSize);
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_FALSE(entry->write(0, bytes));
  EXPECT_EQ(entry->present(), 0U);
  EXPECT_EQ(store->usage().bytes, 0U);
}

TYPED_TEST_P(StoreRoomContract, ForgetsWhatIsDropped) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize), others = sample_bytes(2 * kBlockSize, 2);
  ASSERT_TRUE(store->open(key_for("a", bytes))->write(0, bytes));
  const auto held = store->open(key_for("b", others));
  ASSERT_TRUE(held->write(0, others));
  ASSERT_EQ(held->seal(), Seal::kSealed);
  store->drop("a");
  store->drop("b");
  store->drop("never seen");
  EXPECT_EQ(store->open(key_for("a", bytes))->present(), 0U);
  EXPECT_EQ(read_all(*held), others);
  EXPECT_EQ(store->open(key_for("b", others))->present(), 0U);
}

TYPED_TEST_P(StoreRoomContract, KeepsWhatIsSharedWithOthersThanTheDropped) {
  const auto store = this->make();
  const auto bytes = sample_bytes(2 * kBlockSize);
  {
    const auto entry = store->open(key_for("a", bytes));
    ASSERT_TRUE(entry->write(0, bytes));
    ASSERT_EQ(entry->seal(), Seal::kSealed);
  }
  EXPECT_TRUE(store->open(key_for("b", bytes))->sealed());
  store->drop("a");
  EXPECT_TRUE(store->open(key_for("b", bytes))->sealed());
  store->drop("b");
  EXPECT_EQ(store->usage().bytes, 0U);
}

TYPED_TEST_P(StoreRoomContract, AdoptsAWholeFile) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize + 100);
  const std::string path = this->top_ / "upload";
  const auto put_file = [&](std::size_t length) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(length));
  };
  put_file(100);
  EXPECT_FALSE(store->adopt(key_for("a", bytes), path)) << "too short";
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(store->adopt(key_for("a", bytes), this->top_ / "absent"));
  put_file(bytes.size());
  ASSERT_TRUE(store->adopt(key_for("a", bytes), path));
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_TRUE(entry->sealed());
  EXPECT_EQ(read_all(*entry), bytes);
  EXPECT_EQ(store->usage().bytes, bytes.size());
  put_file(bytes.size());
  EXPECT_TRUE(store->adopt(key_for("b", bytes), path)) << "the same bytes under another id";
  EXPECT_EQ(store->usage().bytes, bytes.size());
  EXPECT_TRUE(store->open(key_for("b", bytes))->sealed());
}

TYPED_TEST_P(StoreRoomContract, AdoptsAFileOverWhatHadBegun) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize);
  const auto begun = store->open(key_for("a", bytes));
  ASSERT_TRUE(begun->write(0, sample_bytes(kBlockSize, 2)));
  begun->prepare_seal({});
  const std::string path = this->top_ / "upload";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(store->adopt(key_for("a", bytes), path));
  const auto entry = store->open(key_for("a", bytes));
  EXPECT_TRUE(entry->sealed());
  EXPECT_EQ(read_all(*entry), bytes);
}

TYPED_TEST_P(StoreRoomContract, LeavesTheFileWhenStopped) {
  const auto store = this->make();
  const auto bytes = sample_bytes(3 * kBlockSize + 100);
  const std::string path = this->top_ / "upload";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(store->adopt(key_for("a", bytes), path, stop.get_token()));
  EXPECT_EQ(std::filesystem::file_size(path), bytes.size());
  EXPECT_FALSE(store->open(key_for("a", bytes))->sealed());
  EXPECT_TRUE(store->adopt(key_for("a", bytes), path)) << "the next one may";
}

TYPED_TEST_P(StoreRoomContract, KeepsWhatIsPinned) {
  const auto store = this->make(10 * kBlockSize);
  const auto bytes = sample_bytes(4 * kBlockSize);
  const auto put = [&](const std::string& source, unsigned seed) {
    const auto entry = store->open(key_for(source, sample_bytes(4 * kBlockSize, seed)));
    return entry->write(0, sample_bytes(4 * kBlockSize, seed));
  };
  ASSERT_TRUE(put("pinned", 1));
  EXPECT_FALSE(store->pinned("pinned"));
  ASSERT_TRUE(store->pin("pinned", true));
  EXPECT_TRUE(store->pinned("pinned"));
  ASSERT_TRUE(put("other", 2));
  ASSERT_TRUE(put("third", 3));
  const auto present = [&](const std::string& source, unsigned seed) {
    return store->open(key_for(source, sample_bytes(4 * kBlockSize, seed)))->present();
  };
  EXPECT_EQ(present("pinned", 1), 4 * kBlockSize) << "though it was used longest ago";
  EXPECT_LT(present("other", 2), 4 * kBlockSize);
  ASSERT_TRUE(store->pin("pinned", false));
  ASSERT_TRUE(put("fourth", 4) && put("fifth", 5));
  EXPECT_LT(present("pinned", 1), 4 * kBlockSize);
}

REGISTER_TYPED_TEST_SUITE_P(StoreRoomContract, StaysWithinItsLimit, GivesUpTheObjectUsedLongestAgo,
                            ServesAnObjectLargerThanItsLimit, KeepsNothingWithoutRoom,
                            ForgetsWhatIsDropped, KeepsWhatIsSharedWithOthersThanTheDropped,
                            KeepsWhatIsPinned, AdoptsAWholeFile, AdoptsAFileOverWhatHadBegun,
                            LeavesTheFileWhenStopped);

}  // namespace glancefs::cache
