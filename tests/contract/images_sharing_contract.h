// What every client::Images promises of sharing, of what the server does by itself, and of
// definitions. A suite over a type that sets a service up, as in images_contract.h, and:
//   enum Who { kUs, kThem, kAdmin };    two projects, and an administrator of a third
//   void become(Who who);               images() speaks for them from now on
//   std::string project(Who who);
//   std::string serve(const std::string& data);   a URL that imports may fetch; nothing is there
//                                                  when `data` is empty
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/images_contract.h"

namespace glancefs::client {

template <typename Service>
class SharingContract : public ImagesContract<Service> {
 protected:
  using Who = typename Service::Who;

  /// An image of theirs, offered to us.
  std::string offered(const std::string& name) {
    const std::string id = this->service_.add_foreign(name, "private");
    this->service_.become(Service::kThem);
    this->set(id, "visibility", std::string("shared"));
    this->images().offer(id, this->service_.project(Service::kUs), {});
    this->service_.become(Service::kUs);
    return id;
  }
  std::vector<std::string> offers() {
    ListQuery query;
    query.offers = true;
    return this->names(query);
  }
  Image queued(const std::string& name) { return this->images().create(this->draft(name), {}); }
  std::string stores_of(const std::string& id) {
    const Image image = this->shown(id);
    const std::string* stores = find_property(image.properties, "stores");
    return stores == nullptr ? std::string() : *stores;
  }
};

TYPED_TEST_SUITE_P(SharingContract);

TYPED_TEST_P(SharingContract, AnOfferIsListedAloneUntilItIsAnswered) {
  const std::string id = this->offered("theirs");
  this->service_.add("mine", "x");
  const std::string us = this->service_.project(TypeParam::kUs);
  EXPECT_THAT(this->names(), testing::ElementsAre("mine"));
  EXPECT_THAT(this->offers(), testing::ElementsAre("theirs"));
  EXPECT_TRUE(this->images().show(id, {})) << "who is offered an image may look at it";

  this->images().answer(id, us, MemberStatus::kAccepted, {});
  EXPECT_THAT(this->names(), testing::ElementsAre("mine", "theirs"));
  EXPECT_THAT(this->offers(), testing::IsEmpty());

  this->images().answer(id, us, MemberStatus::kRejected, {});
  EXPECT_THAT(this->names(), testing::ElementsAre("mine"));
  EXPECT_THAT(this->offers(), testing::IsEmpty());

  this->images().answer(id, us, MemberStatus::kPending, {});
  EXPECT_THAT(this->offers(), testing::ElementsAre("theirs"));
}

TYPED_TEST_P(SharingContract, OurOwnSharedImagesAreNoOffers) {
  const std::string id = this->service_.add("mine", "x");
  this->set(id, "visibility", Text("shared"));
  this->images().offer(id, this->service_.project(TypeParam::kThem), {});
  EXPECT_THAT(this->offers(), testing::IsEmpty());
}

TYPED_TEST_P(SharingContract, OnlyTheOwnerSeesAllMembers) {
  const std::string id = this->offered("theirs");
  const std::string us = this->service_.project(TypeParam::kUs);
  this->service_.become(TypeParam::kThem);
  this->images().offer(id, "zzz-no-project", {});
  EXPECT_THAT(this->images().members(id, {}),
              testing::ElementsAre(Member{us, MemberStatus::kPending},
                                   Member{"zzz-no-project", MemberStatus::kPending}));
  this->service_.become(TypeParam::kUs);
  EXPECT_THAT(this->images().members(id, {}),
              testing::ElementsAre(Member{us, MemberStatus::kPending}));
}

TYPED_TEST_P(SharingContract, WithdrawnOffersAreGone) {
  const std::string id = this->offered("theirs");
  const std::string us = this->service_.project(TypeParam::kUs);
  this->service_.become(TypeParam::kThem);
  this->images().withdraw(id, us, {});
  EXPECT_EQ(this->error_of([&] { this->images().withdraw(id, us, {}); }), ENODATA);
  this->service_.become(TypeParam::kUs);
  EXPECT_FALSE(this->images().show(id, {}));
  EXPECT_EQ(this->error_of([&] { this->images().members(id, {}); }), ENOENT);
}

TYPED_TEST_P(SharingContract, RefusedSharingSaysWhy) {
  const std::string us = this->service_.project(TypeParam::kUs);
  const std::string them = this->service_.project(TypeParam::kThem);
  const std::string mine = this->service_.add("mine", "x");
  EXPECT_EQ(this->error_of([&] { this->images().members(mine, {}); }), EINVAL) << "not shared";
  EXPECT_EQ(this->error_of([&] { this->images().offer(mine, them, {}); }), EACCES);
  this->set(mine, "visibility", Text("shared"));
  this->images().offer(mine, them, {});
  EXPECT_EQ(this->error_of([&] { this->images().offer(mine, them, {}); }), EEXIST);
  EXPECT_EQ(this->error_of([&] { this->images().answer(mine, them, MemberStatus::kAccepted, {}); }),
            EACCES)
      << "the owner does not accept for others";
  const std::string theirs = this->offered("theirs");
  EXPECT_EQ(this->error_of([&] { this->images().offer(theirs, "somebody", {}); }), EACCES);
  EXPECT_EQ(this->error_of([&] { this->images().withdraw(theirs, us, {}); }), EACCES);
  EXPECT_EQ(
      this->error_of([&] { this->images().answer(theirs, them, MemberStatus::kAccepted, {}); }),
      ENODATA);
}

TYPED_TEST_P(SharingContract, DeactivatesAndReactivates) {
  const std::string id = this->service_.add("a", "x");
  this->images().set_active(id, false, {});
  this->images().set_active(id, false, {});
  EXPECT_EQ(this->shown(id).status, Status::kDeactivated);
  this->images().set_active(id, true, {});
  EXPECT_EQ(this->shown(id).status, Status::kActive);
  const std::string waiting = this->queued("b").id;
  EXPECT_EQ(this->error_of([&] { this->images().set_active(waiting, false, {}); }), EINVAL);
  const std::string theirs = this->service_.add_foreign("c", "public");
  EXPECT_EQ(this->error_of([&] { this->images().set_active(theirs, false, {}); }), EACCES);
}

TYPED_TEST_P(SharingContract, ImportsFromTheWeb) {
  const Image image = this->queued("a");
  this->images().import_from(image.id, this->service_.serve("from the web"), {"slow"}, {});
  EXPECT_EQ(this->imported(image.id, {"slow"}).size, 12U);
  EXPECT_EQ(this->stores_of(image.id), "slow");
  EXPECT_EQ(this->error_of([&] {
    this->images().import_from(image.id, this->service_.serve("again"), {}, {});
  }),
            EBUSY)
      << "it has data";
}

TYPED_TEST_P(SharingContract, AFailedImportFromTheWebIsQueuedAgain) {
  const Image image = this->queued("a");
  EXPECT_EQ(this->error_of([&] { this->images().import_from(image.id, "ftp://h/x", {}, {}); }),
            EINVAL);
  this->images().import_from(image.id, this->service_.serve(""), {"fast"}, {});
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  Image now = this->shown(image.id);
  while (import_state(now, {"fast"}).phase != ImportPhase::kFailed &&
         std::chrono::steady_clock::now() < limit) {
    now = this->shown(image.id);
  }
  EXPECT_EQ(now.status, Status::kQueued);
  EXPECT_THAT(import_state(now, {"fast"}).failed, testing::ElementsAre("fast"));
}

TYPED_TEST_P(SharingContract, CopiesBetweenStores) {
  this->service_.become(TypeParam::kAdmin);
  const Image image = this->queued("a");
  test::StringSource data("12345");
  this->images().upload(image.id, data, "fast", {});
  EXPECT_EQ(this->error_of([&] { this->images().remove_from_store(image.id, "fast", {}); }), EPERM)
      << "the only copy";
  EXPECT_EQ(this->error_of([&] { this->images().copy(image.id, {"fast"}, {}); }), EINVAL)
      << "it is there";
  this->images().copy(image.id, {"slow"}, {});
  this->imported(image.id, {"fast", "slow"});
  EXPECT_EQ(this->stores_of(image.id), "fast,slow");
  this->images().remove_from_store(image.id, "fast", {});
  EXPECT_EQ(this->stores_of(image.id), "slow");
}

TYPED_TEST_P(SharingContract, MembersDoNotCopy) {
  const std::string id = this->service_.add("a", "x");
  EXPECT_EQ(this->error_of([&] { this->images().copy(id, {"slow"}, {}); }), EACCES);
}

REGISTER_TYPED_TEST_SUITE_P(SharingContract, AnOfferIsListedAloneUntilItIsAnswered,
                            OurOwnSharedImagesAreNoOffers, OnlyTheOwnerSeesAllMembers,
                            WithdrawnOffersAreGone, RefusedSharingSaysWhy,
                            DeactivatesAndReactivates, ImportsFromTheWeb,
                            AFailedImportFromTheWebIsQueuedAgain, CopiesBetweenStores,
                            MembersDoNotCopy);

}  // namespace glancefs::client
