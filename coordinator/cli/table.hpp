// Rows with named, typed columns, written as a table for people, as JSON or as CSV. Names are those of proto/ and SQL.
// Not thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "coordinator/cli/terminal.hpp"

namespace rsg::cli {

enum class Format { kTable, kJson, kCsv };
std::optional<Format> ParseFormat(std::string_view word);

/// monostate: absent. A double that is not finite counts as absent.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

struct Column {
  std::string name;          ///< as in JSON and CSV: "batch_size"
  std::string heading = {};  ///< for people; empty: the name
  bool numeric = false;      ///< right-aligned for people
  int digits = 1;            ///< decimals of doubles for people
  bool detail = false;       ///< in JSON and CSV only
  bool people = false;       ///< in tables for people only
  bool sparse = false;       ///< for people left out when no row has a value or text in it
  int drop = 0;              ///< on a narrow terminal columns of the highest number go first; 0 stays
  std::optional<Ink> (*ink)(const Value&) = nullptr;  ///< colour of a value
};

class Table {
 public:
  virtual ~Table() = default;
  /// `row` has a value for each column.
  virtual void Add(const Row& row) = 0;
  /// Once, after the last row.
  virtual void Finish() = 0;
};

/// kTable keeps all rows until Finish(), to align them (nothing at all is written when there is none); kJson and kCsv
/// write each row at once: JSON an array with one object a line, real numbers and nulls; CSV a line of names, fields
/// quoted as RFC 4180 says, lines ended by LF. `out` outlives the table.
std::unique_ptr<Table> MakeTable(Format format, std::vector<Column> columns, const Style& style, std::ostream& out);

/// A row as kJson writes it: an object on one line, without the columns for people.
std::string JsonObject(const std::vector<Column>& columns, const Row& row);

/// The lines of a table for people, headings first, each at most style.width columns.
std::vector<std::string> TableLines(const std::vector<Column>& columns, const std::vector<Row>& rows,
                                    const Style& style);

/// How many columns TableLines() leaves out at this width; 0 when it is wide enough.
std::size_t DroppedColumns(const std::vector<Column>& columns, const std::vector<Row>& rows, const Style& style);

}  // namespace rsg::cli
