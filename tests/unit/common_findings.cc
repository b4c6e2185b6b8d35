// SPDX-License-Identifier: GPL-2.0-only
// How findings read.
#include "tools/common/finding_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace xlp::cli {
namespace {

Findings alike(std::size_t count, bool errors) {
    Findings list;
    for (std::size_t i = 1; i <= count; ++i) {
        Where at{.function = fmt::format("f{}", i), .source = "a.c", .line = 10};
        list.push_back(errors ? refusal("x.code", "It is so.", "Do that.", at)
                              : warning("x.code", "It is so.", "Do that.", at));
    }
    return list;
}

TEST(FindingText, EachHasItsPlace) {
    Findings list = alike(2, false);
    list.push_back(refusal("x.other", "It is otherwise."));
    EXPECT_EQ(text(list, {}), "warning: a.c:10: f1: It is so. [x.code]\n  -> Do that.\n"
                              "warning: a.c:10: f2: It is so. [x.code]\n  -> Do that.\n"
                              "error: It is otherwise. [x.other]\n");
}

TEST(FindingText, WhatIsSaidOfManyIsSaidOnce) {
    EXPECT_EQ(text(alike(7, false), {}),
              "warning: 7 places: It is so. [x.code]\n  -> Do that.\n"
              "     a.c:10: f1\n     a.c:10: f2\n     a.c:10: f3\n     a.c:10: f4\n"
              "     a.c:10: f5\n     and 2 more (-v shows all)\n");
}

TEST(FindingText, EveryPlaceOfAnErrorIsNamed) {
    const std::string seen = text(alike(7, true), {});
    EXPECT_NE(seen.find("     a.c:10: f7\n"), seen.npos);
    EXPECT_EQ(seen.find("more"), seen.npos);
}

TEST(FindingText, VerboseAndTheJournalHaveOneByOne) {
    const std::string verbose = text(alike(3, false), {.verbose = true});
    EXPECT_NE(verbose.find("warning: a.c:10: f3: It is so."), verbose.npos);
    const std::string journal = text(alike(3, false), {.journal = true});
    EXPECT_NE(journal.find("<4>warning: a.c:10: f3: It is so. [x.code] -> Do that.\n"),
              journal.npos);
}

TEST(FindingText, WhatATerminalObeysIsShown) {
    EXPECT_EQ(text({note("x.code", "\x1b[2J", {}, {.file = "a\x07"})}, {}),
              "note: a\\x07: \\x1b[2J [x.code]\n");
}

} // namespace
} // namespace xlp::cli
