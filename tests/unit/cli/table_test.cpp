#include "coordinator/cli/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "common/text.hpp"

namespace rsg::cli {
namespace {

using testing::ElementsAre;

const std::vector<Column> kColumns{{.name = "device_name", .heading = "device"},
                                   {.name = "batch_size", .heading = "bs", .numeric = true},
                                   {.name = "throughput", .heading = "samples/s", .numeric = true, .digits = 2},
                                   {.name = "reason", .sparse = true, .drop = 1},
                                   {.name = "device_id", .detail = true},
                                   {.name = "status", .people = true, .drop = 2}};

const std::vector<Row> kRows{{std::string("NVIDIA GeForce RTX 3090"), std::int64_t{8}, 123.456, Value(),
                              std::string("GPU-1"), std::string("done")},
                             {std::string("say \"x\", y"), std::int64_t{4096}, Value(), std::string("out of\nmemory"),
                              std::string("GPU-2"), std::string("oom")}};

std::string Written(Format format, const std::vector<Row>& rows, const Style& style = {}) {
  std::ostringstream out;
  const auto table = MakeTable(format, kColumns, style, out);
  for (const Row& row : rows) table->Add(row);
  table->Finish();
  return out.str();
}

TEST(Table, ForPeopleIsAligned) {
  EXPECT_EQ(Written(Format::kTable, kRows),
            "device                     bs  samples/s  reason         status\n"
            "NVIDIA GeForce RTX 3090     8     123.46                 done\n"
            "say \"x\", y               4096             out of?memory  oom\n");
}

TEST(Table, JsonHasRealNumbersAndNulls) {
  EXPECT_EQ(Written(Format::kJson, kRows),
            "[\n"
            "{\"device_name\":\"NVIDIA GeForce RTX 3090\",\"batch_size\":8,\"throughput\":123.456,\"reason\":null,"
            "\"device_id\":\"GPU-1\"},\n"
            "{\"device_name\":\"say \\\"x\\\", y\",\"batch_size\":4096,\"throughput\":null,"
            "\"reason\":\"out of\\nmemory\",\"device_id\":\"GPU-2\"}\n"
            "]\n");
}

TEST(Table, CsvIsQuotedAsRfc4180Says) {
  EXPECT_EQ(Written(Format::kCsv, kRows),
            "device_name,batch_size,throughput,reason,device_id\n"
            "NVIDIA GeForce RTX 3090,8,123.456,,GPU-1\n"
            "\"say \"\"x\"\", y\",4096,,\"out of\nmemory\",GPU-2\n");
}

TEST(Table, WithoutRowsIsStillWellFormed) {
  EXPECT_EQ(Written(Format::kTable, {}), "");
  EXPECT_EQ(Written(Format::kJson, {}), "[]\n");
  EXPECT_EQ(Written(Format::kCsv, {}), "device_name,batch_size,throughput,reason,device_id\n");
}

TEST(Table, NumbersThatAreNoneAreAbsent) {
  const Row row{std::string("\xff"), std::int64_t{1}, std::numeric_limits<double>::quiet_NaN(), Value(),
                std::string("d"),    std::string("s")};
  EXPECT_EQ(Written(Format::kJson, {row}),
            "[\n{\"device_name\":\"\uFFFD\",\"batch_size\":1,\"throughput\":null,\"reason\":null,\"device_id\":\"d\"}\n"
            "]\n");
  EXPECT_EQ(Written(Format::kCsv, {row}), "device_name,batch_size,throughput,reason,device_id\n\xff,1,,,d\n");
}

TEST(Table, DoublesKeepAllTheirDigitsInJsonAndCsv) {
  Row row = kRows[0];
  row[2] = 0.1 + 0.2;
  EXPECT_NE(Written(Format::kJson, {row}).find("0.30000000000000004"), std::string::npos);
  EXPECT_NE(Written(Format::kCsv, {row}).find("0.30000000000000004"), std::string::npos);
}

TEST(Table, SparseColumnsAreLeftOutWhenEmpty) {
  EXPECT_EQ(TableLines(kColumns, {kRows[0]}, {})[0], "device                   bs  samples/s  status");
}

TEST(Table, NarrowTerminalsCutTextFirstThenDropColumns) {
  const auto lines = TableLines(kColumns, kRows, {.width = 50});
  EXPECT_EQ(lines[0], "device         bs  samples/s  reason        status");
  EXPECT_EQ(lines[1], "NVIDIA GeF\u2026     8     123.46                done");
  for (int width = 1; width < 70; ++width)
    for (const std::string& line : TableLines(kColumns, kRows, {.width = width}))
      EXPECT_LE(DisplayWidth(line), width) << line;
  EXPECT_EQ(DroppedColumns(kColumns, kRows, {.width = 30}), 2u);
  EXPECT_EQ(DroppedColumns(kColumns, kRows, {.width = 80}), 0u);
}

TEST(Table, AsciiTerminalsGetAscii) {
  const std::vector<Column> columns{{.name = "name"}};
  EXPECT_THAT(TableLines(columns, {{std::string("M\u00fcllers langer Name")}}, {.width = 10, .unicode = false}),
              ElementsAre("name", "M?llers l~"));
}

TEST(Table, ColoursDoNotChangeTheColumns) {
  const std::vector<Column> columns{
      {.name = "outcome", .ink = [](const Value&) -> std::optional<Ink> { return Ink::kGood; }}, {.name = "x"}};
  const auto lines = TableLines(columns, {{std::string("OK"), std::string("y")}}, {.color = true});
  EXPECT_EQ(lines[1], "\x1b[32mOK     \x1b[0m  y");
}

TEST(Format, WordsAreRead) {
  EXPECT_EQ(ParseFormat("table"), Format::kTable);
  EXPECT_EQ(ParseFormat("json"), Format::kJson);
  EXPECT_EQ(ParseFormat("csv"), Format::kCsv);
  EXPECT_EQ(ParseFormat("yaml"), std::nullopt);
}

}  // namespace
}  // namespace rsg::cli
