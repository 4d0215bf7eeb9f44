#include "client/glance_request.h"

#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::client {

std::string image_path(std::string_view id) {
  if (!is_uuid(id)) throw_errno(EINVAL, "not an image id");
  return "/v2/images/" + std::string(id);
}

Request request_for(std::string method, std::string path) {
  Request request;
  request.method = std::move(method);
  request.url = std::move(path);
  return request;
}

Request json_request(std::string method, std::string path, std::string body) {
  Request request = request_for(std::move(method), std::move(path));
  request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

void not_as_asked(Operation operation, const std::string& request, const Response& answer,
                  const std::string& what) {
  const std::string* id = answer.headers.find("X-Openstack-Request-Id");
  throw HttpError(operation, answer.status, request, what,
                  id == nullptr ? std::string() : log::printable(*id));
}

std::optional<Response> optional_answer(Session& session, const std::string& path,
                                        std::stop_token stop) {
  try {
    return session.call(request_for("GET", path), Operation::kOther, true, nullptr, nullptr,
                        std::move(stop));
  } catch (const HttpError& error) {
    if (error.status() != 404) throw;
    return std::nullopt;
  }
}

}  // namespace glancefs::client
