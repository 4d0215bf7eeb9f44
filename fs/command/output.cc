#include "fs/command/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "fs/command/json.h"
#include "fs/command/usage_error.h"

namespace glancefs::fs {
namespace {

std::string text_of(const Cell& cell) {
  struct Text {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{:.1f}", value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const std::vector<std::string>& values) const {
      return fmt::format("{}", fmt::join(values, ","));
    }
  };
  return std::visit(Text{}, cell);
}

Json json_of(const Cell& cell) {
  struct Value {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool value) const { return value; }
    Json operator()(std::int64_t value) const { return value; }
    Json operator()(double value) const { return value; }
    Json operator()(const std::string& value) const { return value; }
    Json operator()(const std::vector<std::string>& values) const { return values; }
  };
  return std::visit(Value{}, cell);
}

// Names of images and files need not be UTF-8, JSON must be.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_field(const Cell& cell) {
  std::string text = text_of(cell);
  if (cell.index() < Cell(std::string()).index()) return text;  // neither text nor list
  for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2)) {
    text.insert(at, 1, '"');
  }
  return "\"" + text + "\"";
}

// Columns of a terminal: code points, which is near enough for names.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(const std::string& text, std::size_t to) {
  return text + std::string(to - std::min(to, width(text)), ' ');
}

// Head and rows as lines of columns two blanks apart; no blanks at the end of a line.
std::string table_text(std::vector<std::vector<std::string>> lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) row += padded(line[i], widths[i]) + "  ";
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

// `columns` of `listing` only, in their order.
Listing chosen(const Listing& listing, const std::vector<std::string>& columns) {
  if (columns.empty()) return listing;
  Listing result{.columns = columns, .rows = {}};
  std::vector<std::size_t> places;
  for (const std::string& column : columns) {
    const auto found = std::ranges::find(listing.columns, column);
    if (found == listing.columns.end()) {
      std::string names;
      for (const std::string& name : listing.columns) names += " " + name;
      throw UsageError(fmt::format("there is no column \"{}\"", column), "there are:" + names);
    }
    places.push_back(static_cast<std::size_t>(found - listing.columns.begin()));
  }
  for (const auto& row : listing.rows) {
    std::vector<Cell> cells;
    for (const std::size_t place : places) cells.push_back(row[place]);
    result.rows.push_back(std::move(cells));
  }
  return result;
}

Json object_of(const std::vector<std::string>& columns, const std::vector<Cell>& row) {
  Json object = Json::object();
  for (std::size_t i = 0; i < columns.size(); ++i) object[columns[i]] = json_of(row[i]);
  return object;
}

std::vector<std::string> texts_of(const std::vector<Cell>& row) {
  std::vector<std::string> texts;
  for (const Cell& cell : row) texts.push_back(log::printable(text_of(cell)));
  return texts;
}

std::string csv_text(const Listing& listing) {
  const auto line = [](const auto& cells, const auto& field) {
    std::string text;
    for (const auto& cell : cells) text += (text.empty() ? "" : ",") + field(cell);
    return text + "\n";
  };
  std::string text = line(listing.columns, [](const std::string& name) { return csv_field(name); });
  for (const auto& row : listing.rows) text += line(row, csv_field);
  return text;
}

std::string value_text(const Listing& listing) {
  std::string text;
  for (const auto& row : listing.rows) {
    std::string line;
    for (const std::string& cell : texts_of(row)) line += (line.empty() ? "" : " ") + cell;
    text += line + "\n";
  }
  return text;
}

}  // namespace

Cell cell_of(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (value.is_array() && std::ranges::all_of(value, is_text)) {
    return value.get<std::vector<std::string>>();
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Fields fields_of(const Json& object) {
  Fields fields;
  for (const auto& [key, value] : object.items()) fields.emplace_back(key, cell_of(value));
  return fields;
}

Format format_called(std::string_view name) {
  if (name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  if (name == "value") return Format::kValue;
  if (name == "csv") return Format::kCsv;
  throw UsageError(fmt::format("unknown format \"{}\"", name),
                   fmt::format("there are: {}", kFormatNames));
}

std::string list_text(const Listing& whole, const OutputChoice& choice) {
  const Listing listing = chosen(whole, choice.columns);
  switch (choice.format) {
    case Format::kJson: {
      Json array = Json::array();
      for (const auto& row : listing.rows) array.push_back(object_of(listing.columns, row));
      return dump(array);
    }
    case Format::kValue:
      return value_text(listing);
    case Format::kCsv:
      return csv_text(listing);
    case Format::kTable:
      break;
  }
  std::vector<std::vector<std::string>> lines{listing.columns};
  for (const auto& row : listing.rows) lines.push_back(texts_of(row));
  return table_text(std::move(lines));
}

std::string show_text(const Fields& fields, const OutputChoice& choice) {
  Listing whole;
  whole.rows.emplace_back();
  for (const auto& [name, cell] : fields) {
    whole.columns.push_back(name);
    whole.rows.front().push_back(cell);
  }
  const Listing listing = chosen(whole, choice.columns);
  const std::vector<Cell>& row = listing.rows.front();
  if (choice.format == Format::kJson) return dump(object_of(listing.columns, row));
  if (choice.format == Format::kCsv) return csv_text(listing);
  std::vector<std::vector<std::string>> lines{{"field", "value"}};
  std::string values;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string text = log::printable(text_of(row[i]));
    lines.push_back({listing.columns[i], text});
    values += text + "\n";
  }
  return choice.format == Format::kValue ? values : table_text(std::move(lines));
}

}  // namespace glancefs::fs
