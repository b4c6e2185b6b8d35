// SPDX-License-Identifier: GPL-2.0-only
// A small set of the cases of differential/: real Xen and the loader's model say the same.
#include "tests/nested/differential/run.h"
#include "tests/nested/fixture.h"

namespace xlp::differential {

class LoaderModel : public qa::Nested {};

TEST_F(LoaderModel, AgreesWithXen) {
    auto image = xen::Image::read(assets.xen_syms);
    ASSERT_TRUE(image) << image.error().front().why;
    auto target = target_of(*image);
    ASSERT_TRUE(target) << target.error().front().why;
    const Cases cases = all_cases(*target, 1, 5);
    const std::vector<Tried> tried = predicted(cases, *image, true);
    EXPECT_GT(tried.size(), 30U);
    auto bed = testbed();
    ASSERT_TRUE(bed) << bed.error().front().why;
    auto all = compare(*bed, tried, 1);
    ASSERT_TRUE(all) << all.error().front().why;
    EXPECT_EQ(all->size(), tried.size());
    for (const Comparison& c : *all)
        EXPECT_EQ(c.difference, "") << c.tried->test->name << '\n'
                                    << testing::PrintToString(c.seen.log);
}

} // namespace xlp::differential
