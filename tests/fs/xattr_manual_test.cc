// glancefs-xattr(7), compared with the table of fields.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "fs/attributes/image_fields.h"

namespace glancefs::fs {
namespace {

using testing::HasSubstr;

TEST(XattrManual, NamesEachFieldWhereItBelongs) {
  std::ostringstream file;
  file << std::ifstream(GLANCEFS_XATTR_MANUAL).rdbuf();
  const std::string text = file.str();
  const auto settable = text.find("## Fields that can be set");
  const auto decided = text.find("## Fields that Glance decides");
  const auto properties = text.find("## Properties");
  ASSERT_TRUE(settable < decided && decided < properties && properties != std::string::npos);
  for (const ImageField& field : image_fields()) {
    const std::string name = "*" + std::string(field.key) + "*";
    // Those can be set, but not by a change of the record.
    const bool other_way = field.key == "status" || field.key == "stores" || field.key == "members";
    if (field.kind == KeyKind::kReadOnly && !other_way) {
      EXPECT_THAT(text.substr(decided, properties - decided), HasSubstr(name));
    } else {
      EXPECT_THAT(text.substr(settable, decided - settable), HasSubstr(name));
    }
  }
}

}  // namespace
}  // namespace glancefs::fs
