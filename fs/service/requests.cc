#include "fs/service/requests.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "client/bounded_json.h"
#include "client/image_json.h"
#include "fs/attributes/local_xattrs.h"
#include "fs/attributes/member_list.h"
#include "fs/attributes/status.h"
#include "fs/attributes/xattrs.h"
#include "fs/failures.h"
#include "fs/service/image_answer.h"
#include "fs/service/socket_server.h"
#include "fs/transfers.h"

namespace glancefs::fs {
namespace {

using Json = nlohmann::ordered_json;

// One request on its way.
struct Question {
  Filesystem& files;
  const MountFacts& facts;
  const nlohmann::json& words;
  const std::stop_token& stop;

  NodeId node() const {
    const nlohmann::json& number = client::member(words, "node");
    if (!number.is_number_unsigned()) throw_errno(EINVAL, "the request names no file");
    return number.get<NodeId>();
  }
  Json set(std::string_view attribute, const char* value) const {
    files.set_xattr(node(), std::string(kLocalXattrPrefix) + std::string(attribute), value,
                    XattrMode::kSet, stop);
    return Json::object();
  }
};

Json time_or_null(const std::optional<std::chrono::system_clock::time_point>& time) {
  if (!time) return nullptr;
  return client::format_time(std::chrono::floor<std::chrono::seconds>(*time));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json status(const Question& question) {
  const MountState status = question.files.status();
  const Freshness& catalogue = status.catalogue;
  const auto transfers = question.files.transfers();
  const auto count = [&](Transfer::Direction direction) {
    return std::ranges::count(transfers, direction, &Transfer::direction);
  };
  const bool stale = !catalogue.trouble.empty();
  return {{"state", catalogue.offline_since ? "offline"
                    : stale                 ? "troubled"
                                            : "online"},
          {"cloud", status.config.label},
          {"endpoint", status.config.endpoint},
          {"region", text_or_null(question.facts.region)},
          {"project_name", text_or_null(status.config.project_name)},
          {"project_id", text_or_null(status.config.project_id)},
          {"since", client::format_time(question.facts.since)},
          {"token_expires_at", time_or_null(question.facts.token_expires())},
          {"images", status.images.images},
          {"own_images", status.images.own_images},
          {"own_bytes", status.images.own_bytes},
          {"offers", status.offers},
          {"catalogue_age_seconds", catalogue.age.count()},
          {"offline_since", time_or_null(catalogue.offline_since)},
          {"trouble", text_or_null(catalogue.trouble)},
          {"cache_directory", question.facts.cache_directory},
          {"cache_bytes", status.cache.bytes},
          {"cache_limit", status.cache.limit},
          {"cache_images", status.cache.objects},
          {"cache_read_bytes", status.cache.hits},
          {"cache_evicted_bytes", status.cache.evicted},
          {"fetched_bytes", status.fetched},
          {"reads", status.reads},
          {"downloads", count(Transfer::Direction::kDownload)},
          {"uploads_pending", count(Transfer::Direction::kUpload)},
          {"process", ::getpid()},
          {"shutdown_seconds",
           std::chrono::ceil<std::chrono::seconds>(status.config.shutdown_timeout).count()},
          {"state_directory", status.config.state_directory},
          {"version", GLANCEFS_VERSION}};
}

Json transfers(const Question& question) {
  return Json::parse(transfers_json(question.files.transfers()));
}

Json cancel(const Question& question) {
  question.files.cancel_transfer(question.node(), question.stop);
  return Json::object();
}

// The members are asked for, as user.glance.members does it: they are no part of the record.
Json image(const Question& question) {
  const NodeId node = question.node();
  const client::Image image = question.files.image(node);
  const auto members = question.files.ask_xattr(
      node, std::string(kXattrPrefix) + std::string(kMembersKey), question.stop);
  return image_answer(image, members);
}

Json cached(const Question& question) {
  const NodeId node = question.node();
  const client::Image image = question.files.image(node);
  const CachedImage state = question.files.cached(node);
  return {{"id", image.id},
          {"source", state.source},
          {"size", state.size},
          {"present_bytes", state.present},
          {"complete", state.present == state.size},
          {"sealed", state.sealed},
          {"pinned", state.pinned},
          {"prefetching", state.prefetching},
          {"error", state.error ? Json(*state.error) : Json()}};
}

Json drop(const Question& question) {
  question.files.drop_cached(question.node());
  return Json::object();
}

Json pin(const Question& question) { return question.set("pin", "1"); }
Json unpin(const Question& question) { return question.set("pin", "0"); }
Json prefetch(const Question& question) { return question.set("prefetch", "1"); }
Json refresh(const Question& question) { return question.set("refresh", "1"); }

// {"id": "private/a.img"} of those images that are here.
Json names(const Question& question) {
  Json found = Json::object();
  const nlohmann::json& ids = client::member(question.words, "ids");
  if (!ids.is_array()) throw_errno(EINVAL, "the request names no images");
  for (const nlohmann::json& id : ids) {
    if (!id.is_string()) continue;
    if (auto file = question.files.file_of(id.get<std::string>())) {
      found[id.get<std::string>()] = std::move(*file);
    }
  }
  return found;
}

struct Verb {
  std::string_view word;
  Json (*answer)(const Question& question);
};
constexpr std::array kVerbs{
    Verb{"status", status},   Verb{"transfers", transfers},
    Verb{"cancel", cancel},   Verb{"image", image},
    Verb{"cached", cached},   Verb{"drop", drop},
    Verb{"names", names},     Verb{"pin", pin},
    Verb{"unpin", unpin},     Verb{"prefetch", prefetch},
    Verb{"refresh", refresh},
};

// Names of files need not be UTF-8, JSON must be.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string refusal_line(int error, const std::string& why) {
  return line_of({{"ok", false}, {"errno", error}, {"error", why}});
}

std::string Requests::answer(const std::string& request, const std::stop_token& stop) const {
  try {
    const auto words = client::parse_bounded(request);
    const auto verb = words ? client::text_at(*words, "do") : std::nullopt;
    const auto* const found = std::ranges::find_if(
        kVerbs, [&](const Verb& known) { return verb && *verb == known.word; });
    if (found == kVerbs.end()) return refusal_line(EINVAL, "the request makes no sense");
    const Json result =
        found->answer({.files = files_, .facts = facts_, .words = *words, .stop = stop});
    return line_of({{"ok", true}, {"result", result}});
  } catch (...) {
    const std::exception_ptr reason = std::current_exception();
    return refusal_line(errno_of(reason), describe(reason));
  }
}

}  // namespace glancefs::fs
