#include "client/definition_json.h"

#include <algorithm>

#include "client/bounded_json.h"

namespace glancefs::client {
namespace {

using nlohmann::json;
using Type = PropertyDefinition::Type;

Type type_of(const std::optional<std::string>& word) {
  if (word == "integer") return Type::kInteger;
  if (word == "number") return Type::kNumber;
  if (word == "boolean") return Type::kBoolean;
  return word == "array" ? Type::kList : Type::kText;
}

std::optional<double> number_at(const json& definition, std::string_view key) {
  const json& value = member(definition, key);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<std::uint64_t> length_at(const json& definition, std::string_view key) {
  const json& value = member(definition, key);
  return value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
}

// As a property of an image holds them: everything is text there.
std::vector<std::string> values_of(const json& definition, Type type) {
  const json& words = type == Type::kList ? member(member(definition, "items"), "enum")
                                          : member(definition, "enum");
  std::vector<std::string> values;
  if (!words.is_array()) return values;
  for (const json& word : words) {
    values.push_back(word.is_string() ? word.get<std::string>() : to_text(word));
  }
  return values;
}

void add_properties(const json& properties, const std::string& name_space,
                    std::vector<PropertyDefinition>& found) {
  if (!properties.is_object()) return;
  for (const auto& [name, definition] : properties.items()) {
    if (!definition.is_object()) continue;
    const Type type = type_of(text_at(definition, "type"));
    found.push_back({.name = name,
                     .name_space = name_space,
                     .type = type,
                     .values = values_of(definition, type),
                     .minimum = number_at(definition, "minimum"),
                     .maximum = number_at(definition, "maximum"),
                     .shortest = length_at(definition, "minLength"),
                     .longest = length_at(definition, "maxLength"),
                     .pattern = text_at(definition, "pattern").value_or(std::string())});
  }
}

}  // namespace

std::optional<NamespacePage> parse_namespaces(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& records = member(*document, "namespaces");
  if (!records.is_array()) return std::nullopt;
  NamespacePage page;
  page.has_next = member(*document, "next").is_string();
  for (const json& record : records) {
    auto name = text_at(record, "namespace");
    if (name && !name->empty()) page.names.push_back(*std::move(name));
  }
  return page;
}

std::optional<std::vector<PropertyDefinition>> parse_namespace(std::string_view text) {
  const auto document = parse_bounded(text);
  const auto name = document ? text_at(*document, "namespace") : std::nullopt;
  if (!name) return std::nullopt;
  std::vector<PropertyDefinition> found;
  add_properties(member(*document, "properties"), *name, found);
  const json& objects = member(*document, "objects");
  if (objects.is_array()) {
    for (const json& object : objects) add_properties(member(object, "properties"), *name, found);
  }
  std::ranges::stable_sort(found, {}, &PropertyDefinition::name);
  return found;
}

}  // namespace glancefs::client
