#include "cli/table.h"

#include <gtest/gtest.h>

#include "base/golden_testing.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

Table runs() {
  Table table({{.head = "RUN", .right = true},
               {.head = "WORKFLOW", .cut = true},
               {.head = "STATE"},
               {.head = "VERDICT", .drop = 1},
               {.head = "STARTED", .drop = 2},
               {.head = "TOOK", .right = true, .drop = 3},
               {.head = "NAME", .cut = true, .drop = 4}});
  table.add({"41", "nightly-ctr", Cell::state("completed"), Cell::state("warning"),
             "2026-01-31 12:00", "4m10s", "train 2026-01-31, with a long name that says all"});
  table.add({"107", "manufacturing-quality-gate", Cell::state("failed"), "", "2026-02-01 00:00",
             "2h05m", "数据装载到生产环境 （每日）"});
  table.add({"7", "x", Cell::state("running"), "", "", "", ""});
  return table;
}

TEST(Table, FitsTheTerminal) {
  for (int width : {120, 80, 60, 40, 20}) {
    for (bool utf8 : {true, false}) {
      auto text = runs().print({.tty = true, .width = width, .utf8 = utf8});
      expect_golden(str("cli/table-", width, utf8 ? "" : "-ascii", ".txt"), text);
      if (width < 40) continue;  // what may be neither cut nor dropped takes more
      for (auto line : split(text, '\n')) {
        EXPECT_LE(display_width(line), static_cast<std::size_t>(width)) << line;
        EXPECT_FALSE(line.ends_with(' ')) << line;
      }
    }
  }
  expect_golden("cli/table-color.txt", runs().print({.tty = true, .color = true, .utf8 = true}));
}

TEST(Table, IsWholeInAPipe) {
  auto text = runs().print({.tty = false, .width = 20});
  EXPECT_EQ(
      text,
      "41\tnightly-ctr\tcompleted\twarning\t2026-01-31 12:00\t4m10s\ttrain 2026-01-31, with a long "
      "name that says all\n"
      "107\tmanufacturing-quality-gate\tfailed\t\t2026-02-01 00:00\t2h05m\t数据装载到生产环境 "
      "（每日）\n"
      "7\tx\trunning\t\t\t\t\n");
}

TEST(Table, WithoutRowsIsNothing) {
  Table table({{.head = "RUN"}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.print({.tty = true}), "");
  EXPECT_DEATH(table.add({"1", "2"}), "columns_");
}

TEST(Table, CellsCannotBreakRows) {
  Table table({{.head = "NAME"}, {.head = "NEXT"}});
  table.add({"a\tb\nc\x1b[2J", "d"});
  EXPECT_EQ(table.print({}), "a b c\td\n");
}

TEST(Table, NeverWiderThanTheTerminalWhereCutsAllow) {
  Random random(3);
  for (int round = 0; round < 300; round++) {
    Table table({{.head = "ID"},
                 {.head = "A", .cut = true},
                 {.head = "B", .cut = true, .drop = 1},
                 {.head = "C", .right = true, .cut = true}});
    auto word = [&] {
      std::string out;
      for (auto n = random.below(60); n > 0; n--)
        out += random.below(4) ? "x" : "数";
      return out;
    };
    for (int i = 0; i < 3; i++)
      table.add({str(random.below(1000)), word(), word(), word()});
    auto width = 30 + static_cast<int>(random.below(80));
    auto text = table.print({.tty = true, .width = width, .utf8 = true});
    for (auto line : split(text, '\n')) {
      EXPECT_LE(display_width(line), static_cast<std::size_t>(width));
    }
  }
}

}  // namespace
}  // namespace pawl::cli
