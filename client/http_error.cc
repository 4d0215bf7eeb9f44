#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>

#include "client/http.h"

namespace glancefs::client {
namespace {

bool says(std::string_view message, std::initializer_list<std::string_view> phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    return message.find(phrase) != std::string_view::npos;
  });
}

int errno_of_bad_request(Operation operation, std::string_view message) {
  switch (operation) {
    case Operation::kDownload:
      return EIO;  // the request was ours to get right
    case Operation::kUpload:
      return says(message, {"Size mismatch", "Size exceeds"}) ? EIO : EINVAL;
    default:
      return EINVAL;
  }
}

// 403 mixes "not yours", "not by policy" and "this field never changes" (EPERM).
int errno_of_forbidden(Operation operation, std::string_view message) {
  switch (operation) {
    case Operation::kCreate:
    case Operation::kUpdate:
      return says(message, {"read-only", "reserved", "may not be removed",
                            "can be only replaced for a queued image"})
                 ? EPERM
                 : EACCES;
    case Operation::kRemove:
      return says(message, {"protected"}) ? EPERM : EACCES;
    case Operation::kAction:
      if (says(message, {"only store"})) return EPERM;
      return says(message, {"in status", "Only shared images"}) ? EINVAL : EACCES;
    default:
      return EACCES;
  }
}

int errno_of_not_found(Operation operation, std::string_view message, bool from_frontend) {
  switch (operation) {
    case Operation::kLogin:
      // Keystone says 404 to a bad token or an unknown application credential.
      return from_frontend ? EPROTO : EACCES;
    case Operation::kList:
      return EIO;  // a collection is always there: this is not Glance
    case Operation::kUpload:
      if (says(message, {"not available at this site"})) return EOPNOTSUPP;  // no staging
      return ESTALE;
    case Operation::kDownload:
      return ESTALE;
    case Operation::kAction:
      return says(message, {"ember"}) ? ENODATA : ENOENT;
    default:
      return ENOENT;
  }
}

int errno_of_conflict(Operation operation, std::string_view message) {
  switch (operation) {
    case Operation::kCreate:
      return EEXIST;
    case Operation::kUpload:
      // The data of a finished image is immutable.
      return says(message, {"from active", "from deactivated"}) ? EPERM : EBUSY;
    case Operation::kUpdate:
      return ENODATA;  // replacing or removing a property that is not there
    case Operation::kAction:
      return says(message, {"already associated", "uplicate"}) ? EEXIST : EBUSY;
    default:
      return EBUSY;
  }
}

// 413 has four meanings, told apart by text only.
int errno_of_too_large(Operation operation, std::string_view message, bool from_frontend) {
  if (operation == Operation::kUpdate) return ENOSPC;
  if (says(message, {"storage media is full", "allowed image properties", "allowed image tags",
                     "allowed image members"})) {
    return ENOSPC;
  }
  if (from_frontend || says(message, {"too large"})) return EFBIG;
  return EDQUOT;
}

int errno_of_server_error(Operation operation, int status, std::string_view message) {
  if (operation == Operation::kUpload && status == 503 &&
      says(message, {"nsufficient permissions"})) {
    return EROFS;
  }
  return EIO;
}

int errno_of_gone(Operation operation, std::string_view message) {
  if (operation == Operation::kUpload && says(message, {"disabled"})) return EROFS;
  return ESTALE;
}

std::string describe(const std::string& request, int status, const std::string& message,
                     const std::string& request_id, bool from_frontend) {
  std::string text = fmt::format("{}: {}", request, status);
  if (!message.empty()) text += " " + message;
  // Glance's own limits have other remedies than those of a proxy.
  if (status == 413 && from_frontend) text += ", says a server in front of Glance";
  if (!request_id.empty()) text += " (" + request_id + ")";
  return text;
}

}  // namespace

int errno_of_status(Operation operation, int status, std::string_view message, bool from_frontend) {
  switch (status) {
    case 400:
      return errno_of_bad_request(operation, message);
    case 401:
      return EACCES;
    case 403:
      return errno_of_forbidden(operation, message);
    case 404:
      return errno_of_not_found(operation, message, from_frontend);
    case 409:
      return errno_of_conflict(operation, message);
    case 410:
      return errno_of_gone(operation, message);
    case 413:
      return errno_of_too_large(operation, message, from_frontend);
    case 415:
      // For an upload Glance has looked at the bytes: they are not what disk_format says.
      return operation == Operation::kUpload ? EINVAL : EIO;
    case 429:
      return operation == Operation::kLogin ? EIO : EBUSY;
    default:
      break;
  }
  if (status >= 500) return errno_of_server_error(operation, status, message);
  // A redirect, a list of versions, a portal's page: whatever answers there is not the service.
  if (status < 400) return operation == Operation::kLogin ? EPROTO : EIO;
  return EIO;
}

int errno_of_failure(Operation operation, Failure failure) {
  switch (failure) {
    case Failure::kResolve:
    case Failure::kConnect:
      return EHOSTUNREACH;
    case Failure::kTimeout:
      return ETIMEDOUT;
    case Failure::kTls:
      return operation == Operation::kLogin ? EACCES : EIO;
    case Failure::kNone:
    case Failure::kProtocol:
      break;
  }
  return EIO;
}

HttpError::HttpError(Operation operation, int status, const std::string& request,
                     std::string message, std::string request_id, bool from_frontend)
    : std::system_error(errno_of_status(operation, status, message, from_frontend),
                        std::generic_category(),
                        describe(request, status, message, request_id, from_frontend)),
      operation_(operation),
      status_(status),
      message_(std::move(message)),
      request_id_(std::move(request_id)) {}

HttpError::HttpError(Operation operation, Failure failure, const std::string& request,
                     std::string message)
    : std::system_error(errno_of_failure(operation, failure), std::generic_category(),
                        fmt::format("{}: {}", request, message)),
      operation_(operation),
      failure_(failure),
      message_(std::move(message)) {}

}  // namespace glancefs::client
