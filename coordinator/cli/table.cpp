#include "coordinator/cli/table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace rsg::cli {
namespace {

class TextTable : public Table {
 public:
  TextTable(std::vector<Column> columns, const Style& style, std::ostream& out)
      : columns_(std::move(columns)), style_(style), out_(out) {}
  void Add(const Row& row) override { rows_.push_back(row); }
  void Finish() override {
    if (rows_.empty()) return;
    for (const std::string& line : TableLines(columns_, rows_, style_)) out_ << line << '\n';
    if (const std::size_t dropped = DroppedColumns(columns_, rows_, style_); dropped > 0)
      out_ << Inked(style_, Ink::kDim, fmt::format("({} columns hidden: the terminal is narrow)", dropped)) << '\n';
  }

 private:
  const std::vector<Column> columns_;
  const Style style_;
  std::ostream& out_;
  std::vector<Row> rows_;
};

nlohmann::ordered_json Json(const Value& value) {
  return std::visit(
      [](const auto& held) -> nlohmann::ordered_json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return nullptr;
        else
          return held;  // nlohmann writes a number that is not finite as null
      },
      value);
}

class JsonTable : public Table {
 public:
  JsonTable(std::vector<Column> columns, std::ostream& out) : columns_(std::move(columns)), out_(out) {}
  void Add(const Row& row) override {
    out_ << (first_ ? "[\n" : ",\n") << JsonObject(columns_, row);
    first_ = false;
  }
  void Finish() override { out_ << (first_ ? "[]\n" : "\n]\n"); }

 private:
  const std::vector<Column> columns_;
  std::ostream& out_;
  bool first_ = true;
};

std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string CsvField(const Value& value) {
  if (std::holds_alternative<bool>(value)) return std::get<bool>(value) ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value))
    return std::isfinite(*number) ? nlohmann::json(*number).dump() : "";  // the same digits as in JSON
  if (const auto* text = std::get_if<std::string>(&value)) return Quoted(*text);
  return "";
}

class CsvTable : public Table {
 public:
  CsvTable(std::vector<Column> columns, std::ostream& out) : columns_(std::move(columns)), out_(out) {
    Line([this](std::size_t i) { return Quoted(columns_[i].name); });
  }
  void Add(const Row& row) override {
    Line([&row](std::size_t i) { return CsvField(row.at(i)); });
  }
  void Finish() override {}

 private:
  template <typename Field>
  void Line(Field field) {
    const char* separator = "";
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].people) continue;
      out_ << separator << field(i);
      separator = ",";
    }
    out_ << '\n';
  }

  const std::vector<Column> columns_;
  std::ostream& out_;
};

}  // namespace

std::optional<Format> ParseFormat(std::string_view word) {
  if (word == "table") return Format::kTable;
  if (word == "json") return Format::kJson;
  if (word == "csv") return Format::kCsv;
  return std::nullopt;
}

std::string JsonObject(const std::vector<Column>& columns, const Row& row) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (!columns[i].people) object[columns[i].name] = Json(row.at(i));
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::unique_ptr<Table> MakeTable(Format format, std::vector<Column> columns, const Style& style, std::ostream& out) {
  switch (format) {
    case Format::kJson:
      return std::make_unique<JsonTable>(std::move(columns), out);
    case Format::kCsv:
      return std::make_unique<CsvTable>(std::move(columns), out);
    case Format::kTable:
      break;
  }
  return std::make_unique<TextTable>(std::move(columns), style, out);
}

}  // namespace rsg::cli
