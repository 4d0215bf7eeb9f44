// Addresses that Glance may be told to fetch, and what of them may be shown.
#include "fs/write/source_url.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace glancefs::fs {
namespace {

int error_of(std::string_view url) {
  try {
    check_source_url(url);
    return 0;
  } catch (const std::system_error& error) {
    EXPECT_EQ(std::string(error.what()).find("hush"), std::string::npos) << error.what();
    return error.code().value();
  }
}

TEST(SourceUrl, HttpAndHttpsAreTaken) {
  for (const char* url : {"http://h", "https://h/", "HTTPS://h:8443/a/b?c=d#e", "http://[::1]:80/x",
                          "http://h/a@b?user@x", "http://h?x=://y"}) {
    EXPECT_EQ(error_of(url), 0) << url;
  }
}

TEST(SourceUrl, EverythingElseIsRefused) {
  for (const char* url : {"",
                          "h",
                          "/h",
                          "http:/h",
                          "http//h",
                          "ftp://h",
                          "file:///h",
                          "xhttp://h",
                          "://h",
                          "http://",
                          "http:///x",
                          "http://:80/x",
                          "http://?x",
                          "http://u@h/",
                          "http://u:hush@h/",
                          "http://@h/",
                          "http://h/a b",
                          "http://h/a\nb",
                          "http://h\\@x/",
                          "http://h/\"",
                          "http://h/\xc3\xa4"}) {
    EXPECT_EQ(error_of(url), EINVAL) << url;
  }
}

TEST(SourceUrl, TheFileNameIsTheLastPartOfThePath) {
  EXPECT_EQ(file_name_of("http://h/a/b.qcow2"), "b.qcow2");
  EXPECT_EQ(file_name_of("http://h/b.iso?x=/c.raw#d/e.vmdk"), "b.iso");
  EXPECT_EQ(file_name_of("http://h/a/"), "");
  EXPECT_EQ(file_name_of("http://h.raw"), "");
  EXPECT_EQ(file_name_of("x.raw"), "");
}

TEST(SourceUrl, SecretsAreLeftOut) {
  EXPECT_EQ(without_secrets("http://h:80/p"), "http://h:80/p");
  EXPECT_EQ(without_secrets("http://u:hush@h/p?a=hush#hush"), "http://h/p?...");
  EXPECT_EQ(without_secrets("http://h#hush"), "http://h?...");
  EXPECT_EQ(without_secrets("http://h?x=http://u:hush@g/"), "http://h?...");
  EXPECT_EQ(without_secrets("filtering: 'http://h/p?hush' and https://x:hush@g/ failed? yes"),
            "filtering: 'http://h/p?...' and https://g/ failed? yes");
  EXPECT_EQ(without_secrets("why? none"), "why? none");
  EXPECT_EQ(without_secrets("cut short: http://h/p?hus"), "cut short: http://h/p?...");
}

}  // namespace
}  // namespace glancefs::fs
