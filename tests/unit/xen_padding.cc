// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/bytes.h"
#include "payload/xen/padding.h"

#include <gtest/gtest.h>

namespace xlp::xen {
namespace {

std::size_t padding_of(std::initializer_list<std::uint8_t> bytes) {
    const Bytes code(bytes);
    return padding(code);
}

TEST(Padding, NoOperationsOfEveryLength) {
    EXPECT_EQ(padding_of({0x90, 0x66, 0x90, 0xcc}), 4U);
    EXPECT_EQ(padding_of({0x0f, 0x1f, 0x00}), 3U);
    EXPECT_EQ(padding_of({0x0f, 0x1f, 0x40, 0x00}), 4U);
    EXPECT_EQ(padding_of({0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}), 6U);
    EXPECT_EQ(padding_of({0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}), 10U);
}

TEST(Padding, EndsWhereCodeBegins) {
    EXPECT_EQ(padding_of({0x90, 0xc3, 0x90}), 1U); // ret
    EXPECT_EQ(padding_of({0x66, 0xc3}), 0U);
    EXPECT_EQ(padding_of({0x66, 0xcc}), 0U);
    EXPECT_EQ(padding_of({0x0f, 0x1f, 0xc0}), 0U);             // of a register
    EXPECT_EQ(padding_of({0x0f, 0x1f, 0x05, 0, 0, 0, 0}), 0U); // %rip-relative
    EXPECT_EQ(padding_of({0xf3, 0x0f, 0x1e, 0xfa}), 0U);       // endbr64
}

TEST(Padding, ACutInstructionIsNone) {
    EXPECT_EQ(padding_of({}), 0U);
    EXPECT_EQ(padding_of({0x66}), 0U);
    EXPECT_EQ(padding_of({0x90, 0x0f, 0x1f, 0x84, 0}), 1U);
}

} // namespace
} // namespace xlp::xen
