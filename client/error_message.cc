#include <algorithm>
#include <array>
#include <cctype>

#include "client/bounded_json.h"
#include "client/http.h"

namespace glancefs::client {
namespace {

constexpr std::size_t kMaxMessage = 300;
// What can be worth saying is at the beginning; the rest of a page is not looked at.
constexpr std::size_t kMaxLooked = 65536;

std::string lowered(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

void decode_entities(std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEntities{
      {{"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&#x27;", "'"},
       {"&#39;", "'"},
       {"&amp;", "&"}}};
  for (const auto& [entity, character] : kEntities) replace_all(text, entity, character);
}

std::string without_tags(std::string_view html) {
  std::string text;
  bool in_tag = false;
  for (const char c : html) {
    if (c == '<') {
      in_tag = true;
      text += ' ';
    } else if (c == '>' && in_tag) {
      in_tag = false;
    } else if (!in_tag) {
      text += c;
    }
  }
  decode_entities(text);
  return text;
}

// What stands between <tag> and </tag>, without markup; empty when it is not there.
std::string element(std::string_view html, const std::string& lower, const std::string& tag) {
  const std::size_t open = lower.find("<" + tag);
  if (open == std::string::npos) return {};
  const std::size_t begin = lower.find('>', open);
  const std::size_t end = lower.find("</" + tag, open);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return without_tags(html.substr(begin + 1, end - begin - 1));
}

bool blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

std::string from_html(std::string_view html) {
  const std::string lower = lowered(html);
  // Glance's own pages carry the reason after the heading; frontends have nothing but titles.
  const std::size_t heading = lower.find("</h1>");
  if (heading != std::string::npos && lower.find("<hr", heading) == std::string::npos) {
    std::string reason = without_tags(html.substr(heading));
    if (!blank(reason)) return reason;
  }
  for (const char* tag : {"title", "h1"}) {
    std::string text = element(html, lower, tag);
    if (!blank(text)) return text;
  }
  return without_tags(html);
}

// Glance's JSON keeps the line breaks of its HTML, and often says the reason after a general
// sentence: "There was a conflict …<br /><br />\nProperty x does not exist.\n\n".
std::string from_glance(std::string message) {
  replace_all(message, "<br />", "\n");
  const std::size_t paragraph = message.find("\n\n");
  if (paragraph != std::string::npos && !blank(std::string_view(message).substr(paragraph))) {
    message.erase(0, paragraph);
  }
  const std::size_t begin = message.find_first_not_of("\n ");
  if (begin == std::string::npos) return {};
  // Schema errors go on for pages, one Python object a line.
  return message.substr(begin, message.find('\n', begin) - begin);
}

std::optional<std::string> from_json(std::string_view body) {
  const auto document = parse_bounded(body);
  if (!document) return std::nullopt;
  if (auto message = text_at(*document, "message")) return from_glance(*std::move(message));
  if (auto message = text_at(member(*document, "error"), "message")) return message;
  return std::nullopt;
}

// One line of printable text, cut on a character's boundary.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code > ' ' && code != 0x7F) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  std::size_t size = std::min(line.size(), kMaxMessage);
  while (size < line.size() && size > 0 &&
         (static_cast<unsigned char>(line[size]) & 0xC0) == 0x80) {
    --size;
  }
  line.resize(size);
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

std::string error_message(const Response& response) {
  const std::string_view body = std::string_view(response.body).substr(0, kMaxLooked);
  const std::string* type = response.headers.find("Content-Type");
  if (type != nullptr && type->find("html") != std::string::npos) return one_line(from_html(body));
  if (auto message = from_json(body)) return one_line(*message);
  if (lowered(body.substr(0, 256)).find("<html") != std::string::npos) {
    return one_line(from_html(body));
  }
  return one_line(body);
}

}  // namespace glancefs::client
