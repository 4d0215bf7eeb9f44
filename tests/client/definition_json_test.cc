#include "client/definition_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Type = PropertyDefinition::Type;

TEST(ParseNamespaces, NamesAndWhetherThereAreMore) {
  const auto page = parse_namespaces(
      R"({"namespaces": [{"namespace": "A"}, {"namespace": ""}, {}, 5, {"namespace": "B"}],
          "next": "/v2/x"})");
  ASSERT_TRUE(page);
  EXPECT_THAT(page->names, ElementsAre("A", "B"));
  EXPECT_TRUE(page->has_next);
  EXPECT_FALSE(parse_namespaces(R"({"namespaces": []})")->has_next);
  EXPECT_FALSE(parse_namespaces(R"({"namespaces": {}})"));
  EXPECT_FALSE(parse_namespaces("<html>"));
}

TEST(ParseNamespace, EverythingThatLimitsAValue) {
  const auto found = parse_namespace(R"({"namespace": "N", "properties": {
      "hw_disk_bus": {"type": "string", "enum": ["scsi", "virtio"]},
      "hw_cores": {"type": "integer", "minimum": 1, "maximum": 64},
      "hw_on": {"type": "boolean"},
      "hw_text": {"type": "string", "pattern": "^a", "minLength": 2, "maxLength": 5},
      "hw_list": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
      "hw_share": {"type": "number", "maximum": 0.5}}})");
  ASSERT_TRUE(found);
  ASSERT_THAT(*found, SizeIs(6));
  const auto& [cores, bus, list, on, share, text] =
      std::tie((*found)[0], (*found)[1], (*found)[2], (*found)[3], (*found)[4], (*found)[5]);
  EXPECT_EQ(cores.name, "hw_cores");
  EXPECT_EQ(cores.name_space, "N");
  EXPECT_EQ(cores.type, Type::kInteger);
  EXPECT_EQ(cores.minimum, 1);
  EXPECT_EQ(cores.maximum, 64);
  EXPECT_EQ(bus.type, Type::kText);
  EXPECT_THAT(bus.values, ElementsAre("scsi", "virtio"));
  EXPECT_EQ(list.type, Type::kList);
  EXPECT_THAT(list.values, ElementsAre("x", "y"));
  EXPECT_EQ(on.type, Type::kBoolean);
  EXPECT_EQ(share.type, Type::kNumber);
  EXPECT_EQ(share.maximum, 0.5);
  EXPECT_EQ(text.pattern, "^a");
  EXPECT_EQ(text.shortest, 2U);
  EXPECT_EQ(text.longest, 5U);
}

TEST(ParseNamespace, PropertiesOfObjectsToo) {
  const auto found = parse_namespace(R"({"namespace": "N", "properties": {"b": {}},
      "objects": [{"name": "o", "properties": {"a": {"enum": [1, true, "t"]}}}]})");
  ASSERT_TRUE(found);
  ASSERT_THAT(*found, SizeIs(2));
  EXPECT_EQ((*found)[0].name, "a");
  EXPECT_THAT((*found)[0].values, ElementsAre("1", "true", "t"));
  EXPECT_EQ((*found)[1].name, "b");
}

TEST(ParseNamespace, WhatMakesNoSenseLimitsNothing) {
  const auto found = parse_namespace(R"({"namespace": "N", "objects": {}, "properties": {
      "a": "text", "b": {"type": 5, "enum": "x", "minimum": "1", "minLength": -2, "pattern": []}}})");
  ASSERT_TRUE(found);
  ASSERT_THAT(*found, SizeIs(1));
  const PropertyDefinition& only = found->front();
  EXPECT_EQ(only.type, Type::kText);
  EXPECT_THAT(only.values, IsEmpty());
  EXPECT_FALSE(only.minimum);
  EXPECT_FALSE(only.shortest);
  EXPECT_EQ(only.pattern, "");
  EXPECT_FALSE(parse_namespace(R"({"properties": {}})"));
  EXPECT_FALSE(parse_namespace("[]"));
}

}  // namespace
}  // namespace glancefs::client
