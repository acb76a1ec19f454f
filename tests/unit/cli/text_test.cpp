#include "common/text.hpp"

#include <gtest/gtest.h>

#include "common/suggest.hpp"
#include "coordinator/cli/painter.hpp"
#include "coordinator/cli/terminal.hpp"

namespace rsg::cli {
namespace {

TEST(Text, KnowsUtf8FromWhatIsNot) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\u00e4\u4e2d\U0001F600"));
  EXPECT_FALSE(IsUtf8("\xff"));
  EXPECT_FALSE(IsUtf8("\xc3"));              // cut short
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(IsUtf8("\xe0\x80\x80"));      // overlong
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // above U+10FFFF
}

TEST(Text, NothingPrintableSteersATerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\r\n\t\x7f", true), "a?[2Jb????");
  EXPECT_EQ(Printable("\xff\u00e4", true), "?\u00e4");
  EXPECT_EQ(Printable("\u202eabc\u009b", true), "?abc?");
  EXPECT_EQ(Printable("M\u00fcller", false), "M?ller");
}

TEST(Text, WidthCountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("M\u00fcller"), 6);
  EXPECT_EQ(DisplayWidth("\u4e2d\u6587"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("\U0001F600"), 2);
}

TEST(Text, FitCutsAtWholeCharacters) {
  EXPECT_EQ(Fit("abcdef", 6, true), "abcdef");
  EXPECT_EQ(Fit("abcdef", 4, true), "abc\u2026");
  EXPECT_EQ(Fit("abcdef", 4, false), "abc~");
  EXPECT_EQ(Fit("\u4e2d\u6587\u5b57", 4, true), "\u4e2d\u2026");
  EXPECT_EQ(Fit("abc", 0, true), "");
  EXPECT_EQ(Fit("abc", 1, true), "\u2026");
}

TEST(Suggest, FindsTheNearestWord) {
  const std::vector<std::string> known{"resnet18", "resnet50", "models", "bs"};
  EXPECT_EQ(Nearest("resnet51", known), "resnet50");
  EXPECT_EQ(Nearest("ResNet50", known), "resnet50");
  EXPECT_EQ(Nearest("renset18", known), "resnet18");
  EXPECT_EQ(Nearest("model", known), "models");
  EXPECT_EQ(Nearest("resne", known), "resnet18") << "the beginning of one";
  EXPECT_EQ(Nearest("res", known), "");
  EXPECT_EQ(Nearest("transformer", known), "");
  EXPECT_EQ(Nearest("", known), "");
  EXPECT_EQ(Nearest(std::string(1000, 'r'), known), "");
}

Environment Variables(std::optional<std::string> lang) {
  return [lang](const char* name) { return std::string(name) == "LANG" ? lang : std::nullopt; };
}

TEST(Terminal, FilesGetNoColoursAndAllCharacters) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const Style style = StyleOf(fds[1], ColorChoice::kAuto, Variables("C"));
  EXPECT_FALSE(style.color);
  EXPECT_FALSE(style.live);
  EXPECT_TRUE(style.unicode);
  EXPECT_EQ(style.width, 0);
  EXPECT_TRUE(StyleOf(fds[1], ColorChoice::kAlways, Variables("C")).color);
  close(fds[0]);
  close(fds[1]);
}

TEST(Terminal, InkIsThereOnlyInColour) {
  EXPECT_EQ(Inked({.color = false}, Ink::kBad, "x"), "x");
  EXPECT_EQ(Inked({.color = true}, Ink::kBad, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(VisibleWidth("\x1b[31mx\u00e4\x1b[0m"), 2);
}

TEST(Painter, DrawsOverWhatItDrewBefore) {
  Painter painter;
  EXPECT_EQ(painter.Paint({"one", "two"}, 80), "\rone\x1b[K\ntwo\x1b[K\n\x1b[J");
  EXPECT_EQ(painter.Paint({"three"}, 80), "\r\x1b[2Athree\x1b[K\n\x1b[J");
  EXPECT_EQ(painter.Clear(80), "\r\x1b[1A\x1b[J");
  EXPECT_EQ(painter.Paint({"x"}, 80), "\rx\x1b[K\n\x1b[J");
}

TEST(Painter, CountsTheRowsThatAShrunkenTerminalHasWrapped) {
  Painter painter;
  painter.Paint({std::string(50, 'a'), "b", ""}, 80);
  EXPECT_EQ(painter.Paint({"c"}, 20), "\r\x1b[5Ac\x1b[K\n\x1b[J");  // 3 + 1 + 1
}

}  // namespace
}  // namespace rsg::cli
