// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <set>

namespace xlp::xen {
namespace {

TEST(Contract, every_feature_has_one_row) {
    std::set<Feature> seen;
    for (const ContractRow& r : contract())
        EXPECT_TRUE(seen.insert(r.feature).second);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(Feature::window_behind_data) + 1);
}

TEST(Contract, point_releases_count_within_their_branch) {
    EXPECT_FALSE(has({4, 14, 4}, Feature::skips_endbr));
    EXPECT_TRUE(has({4, 14, 5}, Feature::skips_endbr));
    EXPECT_FALSE(has({4, 15, 2}, Feature::skips_endbr));
    EXPECT_TRUE(has({4, 17, 0}, Feature::skips_endbr));
    EXPECT_TRUE(has({4, 22, 0}, Feature::skips_endbr));
    EXPECT_FALSE(has({4, 13, 9}, Feature::skips_endbr));
}

TEST(Contract, what_went_again_and_what_was_there_before) {
    EXPECT_FALSE(has({4, 16, 9}, Feature::alternatives_fault_with_ibt));
    EXPECT_TRUE(has({4, 17, 3}, Feature::alternatives_fault_with_ibt));
    EXPECT_FALSE(has({4, 17, 4}, Feature::alternatives_fault_with_ibt));
    EXPECT_FALSE(has({4, 20, 0}, Feature::alternatives_fault_with_ibt));
    EXPECT_FALSE(runs_hooks({4, 7, 6}, ".livepatch.hooks.load"));
    EXPECT_TRUE(runs_hooks({4, 8, 0}, ".livepatch.hooks.unload"));
    EXPECT_FALSE(runs_hooks({4, 13, 5}, ".livepatch.hooks.postapply"));
    EXPECT_TRUE(runs_hooks({4, 14, 0}, ".livepatch.hooks.postapply"));
    EXPECT_TRUE(has({4, 7, 1}, Feature::places_empty_sections));
    EXPECT_FALSE(has({4, 8, 0}, Feature::places_empty_sections));
    EXPECT_TRUE(has({4, 16, 1}, Feature::places_empty_sections));
}

TEST(Contract, layouts) {
    EXPECT_EQ(abi::function_size(1), 64U);
    EXPECT_EQ(abi::function_size(2), 104U);
    EXPECT_EQ(abi::function_size(3), 0U);
    EXPECT_EQ(abi::alternative_size_old, 12U);
    EXPECT_TRUE(abi::begins_with_endbr64(Bytes{0xf3, 0x0f, 0x1e, 0xfa, 0xc3}));
    EXPECT_FALSE(abi::begins_with_endbr64(Bytes{0xf3, 0x0f, 0x1e}));
}

// Renew the page with  XLP_UPDATE_DOCS=1 build/release/tests/unit/test_xen
TEST(Contract, the_document_is_not_stale) {
    const std::string file = std::string(XLP_SOURCE_DIR) + "/docs/xen-versions.md";
    if (std::getenv("XLP_UPDATE_DOCS")) {
        ASSERT_TRUE(write_file(file, contract_document()));
    }
    auto text = read_text(file);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, contract_document())
        << "Run XLP_UPDATE_DOCS=1 "
        << "build/release/tests/unit/test_xen and commit " << file;
}

} // namespace
} // namespace xlp::xen
