#include "tests/devcloud/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace glancefs::devcloud {
namespace {

struct Status {
  int code;
  std::string_view reason;
  std::string_view explanation;
};

constexpr std::array kStatuses{
    Status{200, "OK", ""},
    Status{201, "Created", ""},
    Status{202, "Accepted", ""},
    Status{204, "No Content", ""},
    Status{206, "Partial Content", ""},
    Status{300, "Multiple Choices", ""},
    Status{302, "Found", "The resource was found at"},
    Status{400, "Bad Request",
           "The server could not comply with the request since it is either malformed or otherwise "
           "incorrect."},
    Status{401, "Unauthorized",
           "This server could not verify that you are authorized to access the document you "
           "requested. Either you supplied the wrong credentials (e.g., bad password), or your "
           "browser does not understand how to supply the credentials required."},
    Status{403, "Forbidden", "Access was denied to this resource."},
    Status{404, "Not Found", "The resource could not be found."},
    Status{405, "Method Not Allowed", "The method specified is not allowed for this resource."},
    Status{409, "Conflict", "There was a conflict when trying to complete your request."},
    Status{410, "Gone", "This resource is no longer available.  No forwarding address is given."},
    Status{413, "Request Entity Too Large",
           "The body of your request was too large for this server."},
    Status{414, "Request URI Too Long", "The request URI was too long for this server."},
    Status{415, "Unsupported Media Type",
           "The request media type is not supported by this server."},
    Status{416, "Request Range Not Satisfiable", "The Range requested is not available."},
    Status{429, "Too Many Requests", "The client has sent too many requests."},
    Status{431, "Request Header Fields Too Large", ""},
    Status{500, "Internal Server Error",
           "The server has either erred or is incapable of performing the requested operation."},
    Status{502, "Bad Gateway", "Bad gateway."},
    Status{503, "Service Unavailable",
           "The server is currently unavailable. Please try again at a later time."},
    Status{504, "Gateway Timeout", "The gateway has timed out."},
};

const Status* find_status(int code) {
  const auto* found = std::find_if(kStatuses.begin(), kStatuses.end(),
                                   [code](const Status& s) { return s.code == code; });
  return found == kStatuses.end() ? nullptr : found;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int low = std::tolower(static_cast<unsigned char>(c));
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool iequals(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

const std::string* find_field(const Fields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return iequals(field.first, name); });
  return found == fields.end() ? nullptr : &found->second;
}

std::string url_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
        std::string_view("-_.~").find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Fields parse_query(std::string_view query) {
  Fields fields;
  if (query.empty()) return fields;
  for (const std::string& part : split(query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    std::string value = equals == std::string::npos
                            ? ""
                            : url_decode(std::string_view(part).substr(equals + 1), true);
    fields.emplace_back(url_decode(std::string_view(part).substr(0, equals), true),
                        std::move(value));
  }
  return fields;
}

std::string Request::header_or(std::string_view name, std::string otherwise) const {
  const std::string* value = header(name);
  return value == nullptr ? std::move(otherwise) : *value;
}

void Response::set(std::string name, std::string value) {
  headers.emplace_back(std::move(name), std::move(value));
}

std::string_view reason(int status) {
  const Status* known = find_status(status);
  return known == nullptr ? "Unknown" : known->reason;
}

Problem::Problem(int status, std::string explanation, std::string detail)
    : std::runtime_error(fmt::format("{} {} {}", status, explanation, detail)),
      status_(status),
      explanation_(std::move(explanation)),
      detail_(std::move(detail)) {
  const Status* known = find_status(status);
  if (explanation_.empty() && known != nullptr) explanation_ = known->explanation;
}

}  // namespace glancefs::devcloud
