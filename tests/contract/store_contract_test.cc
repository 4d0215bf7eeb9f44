#include "tests/contract/store_contract.h"

#include "cache/disk_store.h"
#include "cache/memory_store.h"
#include "tests/contract/store_room_contract.h"

namespace glancefs::cache {
namespace {

struct DiskStores {
  static std::unique_ptr<Store> make(const std::string& directory, std::uint64_t limit) {
    return open_disk_store({.directory = directory, .limit = limit, .min_free = 0});
  }
};
struct MemoryStores {
  static std::unique_ptr<Store> make(const std::string& /*directory*/, std::uint64_t limit) {
    return make_memory_store(limit);
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Disk, StoreContract, DiskStores);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryStores);
INSTANTIATE_TYPED_TEST_SUITE_P(Disk, StoreRoomContract, DiskStores);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreRoomContract, MemoryStores);

}  // namespace
}  // namespace glancefs::cache
