// SPDX-License-Identifier: GPL-2.0-only
// Damaged debug information: an error or less knowledge, never a crash or a hang.
#include "payload/base/bytes.h"
#include "payload/types/lines.h"
#include "types_compile.h"

#include <gtest/gtest.h>
#include <random>

namespace xlp::types::test {

namespace {
const char* const undamaged =
    "struct b; typedef struct { int x; union { long l; char c[8]; }; } t;\n"
    "struct a { struct b *b; t t; unsigned f : 3; enum { A, B } e; int (*op)(struct b *, ...); };\n"
    "struct b { struct a a[3]; struct b *next; } object;\n"
    "static inline int in(struct a *a) { static int n; return a->f + ++n; }\n"
    "int f(struct b *b) { struct a copy = b->a[1]; return in(&copy) + in(b->a); }\n";

void use(const elf::Object& good, const elf::Object& bad) {
    (void)compare_types(good, bad);
    (void)compare_types(bad, bad);
    if (auto lines = Lines::from(bad))
        for (std::uint32_t section = 0; section < bad.sections().size(); ++section)
            for (std::uint64_t offset : {0, 3, 16, 1000})
                (void)lines->frames(section, offset);
}

// A damaged copy, or nothing if it is no object any more.
Result<elf::Object> damaged(const elf::Object& object, std::mt19937& random, const char* name) {
    Bytes bytes(object.bytes().begin(), object.bytes().end());
    const elf::Section* s = object.section(name);
    const auto start = static_cast<std::size_t>(s->bytes.data() - object.bytes().data());
    for (unsigned n = 1 + random() % 4; n > 0; --n)
        bytes[start + random() % s->bytes.size()] = static_cast<std::uint8_t>(random());
    return elf::Object::parse(std::move(bytes), "damaged");
}
} // namespace

TEST(TypesDamage, BytesOfEachSection) {
    for (const char* flags : {"-O2 -g -ffunction-sections", "-O2 -g -gdwarf-3"}) {
        const elf::Object good = compile(undamaged, flags);
        std::mt19937 random(1);
        for (const elf::Section& s : good.sections()) {
            if (!s.name.starts_with(".debug_") && !s.name.starts_with(".rela.debug_"))
                continue;
            for (int i = 0; i < 150; ++i)
                if (auto bad = damaged(good, random, std::string(s.name).c_str()))
                    use(good, *bad);
        }
    }
}

TEST(TypesDamage, NoTreeIsAnError) {
    const elf::Object good = compile(undamaged);
    Bytes bytes(good.bytes().begin(), good.bytes().end());
    const elf::Section* s = good.section(".debug_info");
    const auto start = static_cast<std::size_t>(s->bytes.data() - good.bytes().data());
    std::fill(bytes.begin() + start + 12, bytes.begin() + start + 200, 0xff);
    auto bad = elf::Object::parse(std::move(bytes), "damaged");
    ASSERT_TRUE(bad);
    auto changes = compare_types(good, *bad);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error()[0].code, "types.corrupt");
    EXPECT_EQ(changes.error()[0].failure, Failure::input);
}

} // namespace xlp::types::test
