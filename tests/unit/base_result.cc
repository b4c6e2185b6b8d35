// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/result.h"

#include <gtest/gtest.h>

namespace xlp {

TEST(Findings, ExitCodeIsThatOfTheGravestError) {
    Findings f{note("a", "A."), warning("b", "B.")};
    EXPECT_FALSE(has_errors(f));
    EXPECT_EQ(failure_of(f), Failure::none);
    f.push_back(refusal("c", "C."));
    EXPECT_EQ(failure_of(f), Failure::refused);
    f.push_back(environment("d", "D."));
    f.push_back(bad_input("e", "E."));
    EXPECT_EQ(failure_of(f), Failure::environment);
    EXPECT_TRUE(has_errors(f));
}

} // namespace xlp
