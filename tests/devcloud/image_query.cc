#include "tests/devcloud/image_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <string_view>

namespace glancefs::devcloud {
namespace {

using Filter = std::function<bool(const Image&)>;

constexpr std::array kSortKeys{"name", "status", "container_format", "disk_format",
                               "size", "id",     "created_at",       "updated_at"};
constexpr std::array kOperatorKeys{"name", "id", "status", "container_format", "disk_format"};

/// A column's value: null sorts before everything, as sqlite has it.
struct Value {
  bool null = true;
  std::int64_t number = 0;
  std::string_view text;
  auto operator<=>(const Value& other) const {
    if (null != other.null)
      return null ? std::strong_ordering::less : std::strong_ordering::greater;
    if (const auto order = number <=> other.number; order != 0) return order;
    return text <=> other.text;
  }
  bool operator==(const Value& other) const { return (*this <=> other) == 0; }
};

Value text_value(std::string_view text) { return {false, 0, text}; }
Value text_value(const std::optional<std::string>& text) {
  return text ? text_value(std::string_view(*text)) : Value{};
}
Value number_value(std::int64_t number) { return {false, number, {}}; }
Value number_value(const std::optional<std::uint64_t>& number) {
  return number ? number_value(static_cast<std::int64_t>(*number)) : Value{};
}
Value time_value(Time time) {
  return number_value(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

struct Column {
  std::string_view name;
  bool numeric;
  Value (*get)(const Image&);
};

constexpr std::array kColumns{
    Column{"name", false, [](const Image& i) { return text_value(i.name); }},
    Column{"id", false, [](const Image& i) { return text_value(std::string_view(i.id)); }},
    Column{"status", false, [](const Image& i) { return text_value(std::string_view(i.status)); }},
    Column{"container_format", false,
           [](const Image& i) { return text_value(i.container_format); }},
    Column{"disk_format", false, [](const Image& i) { return text_value(i.disk_format); }},
    Column{"owner", false, [](const Image& i) { return text_value(i.owner); }},
    Column{"checksum", false, [](const Image& i) { return text_value(i.checksum); }},
    Column{"os_hash_value", false, [](const Image& i) { return text_value(i.os_hash_value); }},
    Column{"size", true, [](const Image& i) { return number_value(i.size); }},
    Column{"virtual_size", true, [](const Image& i) { return number_value(i.virtual_size); }},
    Column{"min_disk", true, [](const Image& i) { return number_value(i.min_disk); }},
    Column{"min_ram", true, [](const Image& i) { return number_value(i.min_ram); }},
    Column{"created_at", true, [](const Image& i) { return time_value(i.created_at); }},
    Column{"updated_at", true, [](const Image& i) { return time_value(i.updated_at); }},
};

const Column* column(std::string_view name) {
  const auto* found = std::find_if(kColumns.begin(), kColumns.end(),
                                   [&](const Column& c) { return c.name == name; });
  return found == kColumns.end() ? nullptr : found;
}

Value defaulted(Value value) {
  value.null = false;
  return value;
}

Value value_of(const Image& image, const std::string& key) { return column(key)->get(image); }

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  text = trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Parameters with Python's MultiDict habits.
class Parameters {
 public:
  explicit Parameters(Fields fields) : fields_(std::move(fields)) {}

  /// Takes the first of that name out; the others stay and become property filters.
  std::optional<std::string> pop(std::string_view name) {
    const auto found = std::find_if(fields_.begin(), fields_.end(),
                                    [&](const auto& field) { return field.first == name; });
    if (found == fields_.end()) return std::nullopt;
    std::string value = std::move(found->second);
    fields_.erase(found);
    return value;
  }
  /// Takes all of that name out; the last one counts.
  std::optional<std::string> pop_last(std::string_view name) {
    std::optional<std::string> last;
    while (auto value = pop(name)) last = std::move(value);
    return last;
  }
  /// What is left, a later value in the place of an earlier one.
  std::map<std::string, std::string> rest() const {
    std::map<std::string, std::string> rest;
    for (const auto& [key, value] : fields_) rest[key] = value;
    return rest;
  }

 private:
  Fields fields_;
};

std::size_t parse_limit(const Config& config, const std::optional<std::string>& text) {
  if (!text) return config.page_default;
  const auto limit = integer(*text);
  if (!limit) throw Problem(400, "limit param must be an integer");
  if (*limit < 0) throw Problem(400, "limit param must be positive");
  return std::min(config.page_max, static_cast<std::size_t>(*limit));
}

std::string checked_key(std::string_view key) {
  const std::string name(trim(key));
  if (std::find(kSortKeys.begin(), kSortKeys.end(), name) == kSortKeys.end())
    throw Problem(400, fmt::format("Invalid sort key: {}. It must be one of the following: {}.",
                                   name, fmt::join(kSortKeys, ", ")));
  return name;
}

bool is_descending(std::string_view direction) {
  const std::string_view word = trim(direction);
  if (word != "asc" && word != "desc")
    throw Problem(400, fmt::format("Invalid sort direction: {}", word));
  return word == "desc";
}

std::vector<SortKey> parse_classic_order(Parameters& parameters) {
  std::vector<std::string> keys;
  std::vector<bool> directions;
  while (const auto key = parameters.pop("sort_key")) keys.push_back(checked_key(*key));
  while (const auto direction = parameters.pop("sort_dir"))
    directions.push_back(is_descending(*direction));
  if (directions.size() > 1 && directions.size() != keys.size())
    throw Problem(400, "Number of sort dirs does not match the number of sort keys");
  if (keys.empty()) keys.emplace_back("created_at");
  if (directions.empty()) directions.push_back(true);
  directions.resize(keys.size(), directions.front());
  std::vector<SortKey> order;
  for (std::size_t i = 0; i < keys.size(); ++i) order.push_back(SortKey{keys[i], directions[i]});
  return order;
}

std::vector<SortKey> parse_order(Parameters& parameters) {
  std::vector<SortKey> order;
  bool one_direction = true;
  if (const auto sort = parameters.pop("sort")) {
    if (parameters.pop("sort_key") || parameters.pop("sort_dir"))
      throw Problem(400, "Old and new sorting syntax cannot be combined");
    for (const std::string& part : split(trim(*sort), ',')) {
      const auto colon = part.find(':');
      const bool plain = colon == std::string::npos || colon + 1 == part.size();
      order.push_back(SortKey{checked_key(part.substr(0, colon)),
                              plain || is_descending(part.substr(colon + 1))});
    }
    one_direction = order.size() == 1;
  } else {
    order = parse_classic_order(parameters);
    for (const SortKey& key : order) one_direction &= key.descending == order.front().descending;
  }
  // The database adds its tie breakers in the direction of a single given one, else descending.
  const bool tail = one_direction ? order.front().descending : true;
  for (const char* key : {"created_at", "id"})
    if (std::none_of(order.begin(), order.end(), [&](const SortKey& k) { return k.key == key; }))
      order.push_back(SortKey{key, tail});
  return order;
}

// a,b,"c,d"
std::vector<std::string> parse_list(const std::string& text) {
  std::vector<std::string> values(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      values.emplace_back();
    else
      values.back() += c;
  }
  if (quoted)
    throw Problem(400, fmt::format("Invalid filter value {}. The quote is not closed.", text));
  return values;
}

Filter operator_filter(const std::string& key, const std::string& value) {
  const auto colon = value.find(':');
  const std::string op = colon == std::string::npos ? "eq" : value.substr(0, colon);
  const std::string operand = colon == std::string::npos ? value : value.substr(colon + 1);
  const Column* which = column(key);
  if (op == "in")
    return [which, values = parse_list(operand)](const Image& image) {
      const Value found = which->get(image);
      return !found.null && std::find(values.begin(), values.end(), found.text) != values.end();
    };
  if (op != "eq") throw Problem(400, fmt::format("Unable to filter by unknown operator '{}'.", op));
  return [which, operand](const Image& image) {
    return which->get(image) == text_value(std::string_view(operand));
  };
}

Filter time_filter(const std::string& key, const std::string& value) {
  static constexpr std::array kOps{"gt", "gte", "lt", "lte", "eq", "neq"};
  std::string op = "eq";
  std::string time = value;
  if (const auto colon = value.find(':'); !parse_iso_time(value) && colon != std::string::npos) {
    op = value.substr(0, colon);
    time = value.substr(colon + 1);
  }
  const auto bound = parse_iso_time(time);
  if (!bound)
    throw Problem(
        400, fmt::format("Bad \"{}\" query filter format. Use ISO 8601 DateTime notation.", key));
  if (std::find(kOps.begin(), kOps.end(), op) == kOps.end())
    throw Problem(400, fmt::format("Unable to filter by unknown operator '{}'.", op));
  const Value threshold = time_value(*bound);
  return [which = column(key), op, threshold](const Image& image) {
    const auto order = which->get(image) <=> threshold;
    if (op == "gt") return order > 0;
    if (op == "gte") return order >= 0;
    if (op == "lt") return order < 0;
    if (op == "lte") return order <= 0;
    return op == "eq" ? order == 0 : order != 0;
  };
}

Filter bound_filter(const std::string& key, const std::string& value) {
  const auto bound = integer(value);
  if (!bound) throw Problem(400, "Unable to filter on a range with a non-numeric value.");
  const Column* which = column(key.substr(0, key.size() - 4));
  if (which == nullptr || !which->numeric) throw Problem(500, "");
  return [which, bound = *bound, least = key.ends_with("_min")](const Image& image) {
    const Value found = which->get(image);
    return !found.null && (least ? found.number >= bound : found.number <= bound);
  };
}

Filter equality_filter(const std::string& key, const std::string& value) {
  if (key == "properties" || key == "locations" || key == "members") throw Problem(500, "");
  if (const Column* which = column(key)) {
    if (!which->numeric)
      return [which, value](const Image& image) {
        return which->get(image) == text_value(std::string_view(value));
      };
    return [which, number = integer(value)](const Image& image) {
      const Value found = which->get(image);
      return number && !found.null && found.number == *number;
    };
  }
  return [key, value](const Image& image) {
    const auto found = image.properties.find(key);
    return found != image.properties.end() && found->second == value;
  };
}

bool parse_bool(const std::string& key, const std::string& value) {
  if (value != "true" && value != "false")
    throw Problem(400, fmt::format("Invalid value '{}' for '{}' filter. Valid values are 'true' or "
                                   "'false'.",
                                   value, key));
  return value == "true";
}

Filter filter_for(const std::string& key, const std::string& value) {
  if (key == "protected")
    return [wanted = parse_bool(key, value)](const Image& i) { return i.is_protected == wanted; };
  if (key.ends_with("_min") || key.ends_with("_max")) return bound_filter(key, value);
  if (key == "created_at" || key == "updated_at") return time_filter(key, value);
  if (std::find(kOperatorKeys.begin(), kOperatorKeys.end(), key) != kOperatorKeys.end())
    return operator_filter(key, value);
  return equality_filter(key, value);
}

void parse_visibility(ImageQuery& query, Parameters& parameters) {
  static constexpr std::array kWords{"community", "public", "private", "shared", "all", ""};
  query.visibility = parameters.pop_last("visibility");
  if (query.visibility &&
      std::find(kWords.begin(), kWords.end(), *query.visibility) == kWords.end())
    throw Problem(400, fmt::format("Invalid visibility value: {}", *query.visibility));
  if (auto status = parameters.pop("member_status")) query.member_status = *status;
  static constexpr std::array kStatuses{"pending", "accepted", "rejected", "all"};
  if (std::find(kStatuses.begin(), kStatuses.end(), query.member_status) == kStatuses.end())
    throw Problem(400, fmt::format("Invalid status: {}", query.member_status));
  const std::string hidden = lower(parameters.pop_last("os_hidden").value_or("false"));
  query.filters.emplace_back(
      [wanted = parse_bool("os_hidden", hidden)](const Image& i) { return i.hidden == wanted; });
}

}  // namespace

bool ImageQuery::matches(const Image& image) const {
  return std::all_of(filters.begin(), filters.end(),
                     [&](const Filter& filter) { return filter(image); });
}

ImageQuery parse_image_query(const Config& config, const Fields& fields) {
  Parameters parameters(fields);
  ImageQuery query;
  const auto limit = parameters.pop("limit");
  query.marker = parameters.pop("marker");
  while (const auto tag = parameters.pop("tag"))
    query.filters.emplace_back(
        [wanted = std::string(trim(*tag))](const Image& i) { return i.tags.contains(wanted); });
  parse_visibility(query, parameters);
  if (const auto since = parameters.pop("changes-since"); since && !since->empty())
    throw Problem(400, "The \"changes-since\" filter is no longer available on v2.");
  query.limit = parse_limit(config, limit);
  query.order = parse_order(parameters);
  parameters.pop_last("deleted");
  for (const auto& [key, value] : parameters.rest())
    query.filters.push_back(filter_for(key, value));
  return query;
}

bool comes_before(const Image& a, const Image& b, const std::vector<SortKey>& order) {
  for (const SortKey& key : order) {
    const auto way = value_of(a, key.key) <=> value_of(b, key.key);
    if (way != 0) return key.descending ? way > 0 : way < 0;
  }
  return false;
}

bool after_marker(const Image& image, const Image& marker, const std::vector<SortKey>& order) {
  for (const SortKey& key : order) {
    const Column& which = *column(key.key);
    const Value bound = which.get(marker);
    // sqlite compares a null column as its type's default, and any number as less than the empty
    // text that stands for a null in the marker.
    if (bound.null && which.numeric) return key.descending;
    const Value value = defaulted(which.get(image));
    const auto way = value <=> defaulted(bound);
    if (way != 0) return key.descending ? way < 0 : way > 0;
  }
  return false;
}

}  // namespace glancefs::devcloud
