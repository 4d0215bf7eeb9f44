#include <cerrno>

#include "client/http.h"

namespace glancefs::client {
namespace {

int status_errno(Operation operation, int status, std::string_view message = "",
                 bool frontend = false) {
  return errno_of_status(operation, status, message, frontend);
}

TEST(ErrnoOfStatus, LoginRefusedIsAccess) {
  for (const int status : {401, 403, 404}) {
    EXPECT_EQ(status_errno(Operation::kLogin, status), EACCES) << status;
  }
  EXPECT_EQ(status_errno(Operation::kLogin, 400), EINVAL);
  EXPECT_EQ(status_errno(Operation::kLogin, 300), EPROTO);
  EXPECT_EQ(status_errno(Operation::kLogin, 404, "Not Found", true), EPROTO);
  EXPECT_EQ(status_errno(Operation::kLogin, 503), EIO);
}

TEST(ErrnoOfStatus, DownloadsSayWhatBecameOfTheImage) {
  EXPECT_EQ(status_errno(Operation::kDownload, 404), ESTALE);
  EXPECT_EQ(status_errno(Operation::kDownload, 403), EACCES);
  EXPECT_EQ(status_errno(Operation::kDownload, 204), EIO);
  EXPECT_EQ(status_errno(Operation::kDownload, 416), EIO);
  EXPECT_EQ(status_errno(Operation::kDownload, 400), EIO);
}

TEST(ErrnoOfStatus, ForbiddenFieldsAreNotForbiddenPeople) {
  for (const char* message :
       {"Attribute 'size' is read-only.", "Attribute 'os_glance_x' is reserved.",
        "Property name may not be removed.",
        "Attribute disk_format can be only replaced for a queued image."}) {
    EXPECT_EQ(status_errno(Operation::kUpdate, 403, message), EPERM) << message;
  }
  EXPECT_EQ(status_errno(Operation::kUpdate, 403,
                         "You are not authorized to complete "
                         "publicize_image action."),
            EACCES);
  EXPECT_EQ(status_errno(Operation::kRemove, 403, "Image x is protected and cannot be deleted."),
            EPERM);
  EXPECT_EQ(status_errno(Operation::kRemove, 403, "not yours"), EACCES);
  EXPECT_EQ(status_errno(Operation::kAction, 403, "Only shared images have members."), EINVAL);
}

TEST(ErrnoOfStatus, TooLargeHasFourMeanings) {
  EXPECT_EQ(status_errno(Operation::kUpload, 413, "Image storage media is full: x"), ENOSPC);
  EXPECT_EQ(status_errno(Operation::kUpload, 413, "The incoming image is too large"), EFBIG);
  EXPECT_EQ(status_errno(Operation::kUpload, 413, "Request Entity Too Large", true), EFBIG);
  EXPECT_EQ(status_errno(Operation::kUpload, 413, "exceed the limit. 5 bytes remaining."), EDQUOT);
  EXPECT_EQ(status_errno(Operation::kCreate, 413, "over a limit for image_count_total"), EDQUOT);
  EXPECT_EQ(status_errno(Operation::kUpdate, 413, "anything"), ENOSPC);
}

TEST(ErrnoOfStatus, Conflicts) {
  EXPECT_EQ(status_errno(Operation::kCreate, 409), EEXIST);
  EXPECT_EQ(status_errno(Operation::kUpdate, 409), ENODATA);
  EXPECT_EQ(status_errno(Operation::kRemove, 409), EBUSY);
  EXPECT_EQ(status_errno(Operation::kUpload, 409, "transition from active to saving"), EPERM);
  EXPECT_EQ(status_errno(Operation::kUpload, 409, "transition from saving to saving"), EBUSY);
}

TEST(ErrnoOfStatus, UploadsThatCannotSucceed) {
  EXPECT_EQ(status_errno(Operation::kUpload, 410), ESTALE);
  EXPECT_EQ(status_errno(Operation::kUpload, 410, "image upload is disabled"), EROFS);
  EXPECT_EQ(status_errno(Operation::kUpload, 404), ESTALE);
  EXPECT_EQ(status_errno(Operation::kUpload, 415), EINVAL);
  EXPECT_EQ(status_errno(Operation::kUpload, 400, "Size mismatch: expected 3"), EIO);
  EXPECT_EQ(status_errno(Operation::kUpload, 400, "disk_format must be set"), EINVAL);
  EXPECT_EQ(status_errno(Operation::kUpload, 503, "Insufficient permissions on image storage"),
            EROFS);
}

TEST(ErrnoOfStatus, WhateverIsNotGlanceIsAnIoError) {
  for (const int status : {200, 300, 302, 414, 431, 500, 502, 503, 504}) {
    EXPECT_EQ(status_errno(Operation::kShow, status), EIO) << status;
  }
  EXPECT_EQ(status_errno(Operation::kShow, 404), ENOENT);
  EXPECT_EQ(status_errno(Operation::kShow, 429), EBUSY);
  EXPECT_EQ(status_errno(Operation::kList, 404), EIO);
}

TEST(ErrnoOfFailure, NoAnswer) {
  EXPECT_EQ(errno_of_failure(Operation::kShow, Failure::kResolve), EHOSTUNREACH);
  EXPECT_EQ(errno_of_failure(Operation::kShow, Failure::kConnect), EHOSTUNREACH);
  EXPECT_EQ(errno_of_failure(Operation::kShow, Failure::kTimeout), ETIMEDOUT);
  EXPECT_EQ(errno_of_failure(Operation::kShow, Failure::kProtocol), EIO);
  EXPECT_EQ(errno_of_failure(Operation::kShow, Failure::kTls), EIO);
  EXPECT_EQ(errno_of_failure(Operation::kLogin, Failure::kTls), EACCES);
}

TEST(HttpErrorTest, TellsTheWholeStory) {
  const HttpError error(Operation::kUpdate, 409, "PATCH /v2/images/x", "Property a does not exist.",
                        "req-1");
  EXPECT_EQ(error.code().value(), ENODATA);
  EXPECT_EQ(error.status(), 409);
  EXPECT_EQ(error.message(), "Property a does not exist.");
  EXPECT_EQ(error.request_id(), "req-1");
  EXPECT_THAT(error.what(),
              testing::StartsWith("PATCH /v2/images/x: 409 Property a does not exist. (req-1)"));
}

std::string message_of(std::string body, const std::string& type) {
  Response response;
  response.body = std::move(body);
  if (!type.empty()) response.headers.add("content-type", type);
  return error_message(response);
}

TEST(ErrorMessage, GlanceJson) {
  EXPECT_EQ(message_of(R"({"message": "No image found with ID x<br /><br />\n\n\n",
                           "code": "404 Not Found", "title": "Not Found"})",
                       "application/json"),
            "No image found with ID x");
  EXPECT_EQ(message_of(R"({"message": "There was a conflict when trying to complete your request.)"
                       R"(<br /><br />\nProperty x9 does not exist.\n\n"})",
                       "application/json"),
            "Property x9 does not exist.");
  EXPECT_EQ(message_of(R"({"message": "Provided object does not match schema\n\nFailed: {...}"})",
                       "application/json"),
            "Failed: {...}");
}

TEST(ErrorMessage, KeystoneJson) {
  EXPECT_EQ(message_of(R"({"error": {"code": 401, "message": "The request requires more.",
                           "title": "Unauthorized"}})",
                       "application/json"),
            "The request requires more.");
}

TEST(ErrorMessage, Html) {
  EXPECT_EQ(
      message_of("<html><head><title>413 Request Entity Too Large</title></head><body>"
                 "<center><h1>413 Request Entity Too Large</h1></center><hr>nginx</body></html>",
                 "text/html"),
      "413 Request Entity Too Large");
  EXPECT_EQ(message_of("<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>"
                       "  No image &lt;x&gt;<br /><br />\n\n</body></html>",
                       "text/html; charset=UTF-8"),
            "No image <x>");
  EXPECT_EQ(message_of("<HTML><h1>Gateway</h1>", ""), "Gateway");
}

TEST(ErrorMessage, IsOneShortPrintableLine) {
  EXPECT_EQ(message_of("a\r\nb\x1b[31m\tc", "text/plain"), "a b [31m c");
  EXPECT_EQ(message_of(std::string(5000, 'x'), "text/plain").size(), 300U);
  // Never cuts a character in half.
  std::string wide = "x";
  for (int i = 0; i < 400; ++i) wide += "\xC3\xA9";
  EXPECT_EQ(message_of(wide, "text/plain").size(), 299U);
  EXPECT_EQ(message_of("", ""), "");
}

TEST(ErrorMessage, SurvivesHostileBodies) {
  EXPECT_NO_THROW(message_of(std::string(10'000'000, '['), "application/json"));
  EXPECT_NO_THROW(message_of("<title", "text/html"));
  EXPECT_NO_THROW(message_of("<title>never closed", "text/html"));
  EXPECT_NO_THROW(message_of(R"({"message": 5})", "application/json"));
  EXPECT_NO_THROW(message_of(std::string("\0\xff\xfe", 3), "text/plain"));
}

TEST(HeadersTest, NamesHaveNoCase) {
  Headers headers;
  headers.add("x-openstack-request-id", "a");
  headers.add("X-Openstack-Request-Id", "b");
  ASSERT_NE(headers.find("X-OpenStack-Request-ID"), nullptr);
  EXPECT_EQ(*headers.find("X-OpenStack-Request-ID"), "a");
  EXPECT_EQ(headers.find("X-Openstack"), nullptr);
}

}  // namespace
}  // namespace glancefs::client
