// What a command of `glancefs` prints, in the formats of the openstack client.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace glancefs::fs {

/// One value. Absent ones are null in JSON and empty elsewhere; of a list there the items, with
/// commas between them. Texts may be strangers' words:
/// control characters are escaped in tables and values.
using Cell =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

enum class Format { kTable, kJson, kValue, kCsv };

/// Their names, apart by blanks.
inline constexpr std::string_view kFormatNames = "table json value csv";

/// The format called so in `-f`. Throws UsageError.
Format format_called(std::string_view name);

/// What `-f` and `-c` ask for.
struct OutputChoice {
  Format format = Format::kTable;
  std::vector<std::string> columns;  ///< in this order; empty: all
};

/// Many things. The names of the columns are stable, in snake_case: they are keys of the JSON.
struct Listing {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as `columns`
};

/// One thing, field by field.
using Fields = std::vector<std::pair<std::string, Cell>>;

/// With the last newline. Throws UsageError for a column that there is not.
std::string list_text(const Listing& listing, const OutputChoice& choice);
std::string show_text(const Fields& fields, const OutputChoice& choice);

}  // namespace glancefs::fs
