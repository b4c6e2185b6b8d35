// SPDX-License-Identifier: GPL-2.0-only
// Payloads on top of others.
#include "load_fixture.h"
#include "payload/base/bytes.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadStack : public Loader {
protected:
    // A payload with one function, `name`, that replaces `old`.
    static Bytes small(const char* old, std::uint32_t size, const char* name, const char* own_id,
                       const elf::BuildId& depends, const char* reference = nullptr) {
        sample::Builder b;
        const std::uint32_t text = b.section(".text", SHF_ALLOC | SHF_EXECINSTR,
                                             {0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0xc3, 0, 0, 0, 0});
        const std::uint32_t function = b.symbol(name, text, 0, 5, STT_FUNC);
        b.symbol(std::string(name) + "_helper", text, 5, 1, STT_FUNC);
        Bytes table;
        sample::append_record(table, {5, size, {}});
        const std::uint32_t funcs =
            b.section(".livepatch.funcs", SHF_ALLOC | SHF_WRITE, std::move(table), 8);
        b.relocate(funcs, 8, R_X86_64_64, function);
        b.relocate(funcs, 16, R_X86_64_64, b.symbol(old));
        if (reference)
            b.relocate(text, 6, R_X86_64_PC32, b.symbol(reference), -4);
        sample::add_notes(b, FakeXen::build_id(), depends, sample::bytes_of(own_id));
        return sample::bytes_of(b);
    }

    void put_below() {
        first = load_below(small("old_function", 64, "a_new", "a", FakeXen::build_id()), "a");
        options.below = {first.get()};
    }

    static constexpr std::uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
    std::shared_ptr<const Loaded> first;
};

TEST_F(LoadStack, Good) {
    put_below();
    bytes = small("second_function", 32, "b_new", "b", sample::bytes_of("a"));
    Verdict v = load_it();
    EXPECT_TRUE(v.good());
    // behind the first, and a guard page
    EXPECT_EQ(v.loaded->base, first->base + first->pages * 4096 + 4096);
}

TEST_F(LoadStack, WrongDependency) {
    put_below();
    bytes = small("second_function", 32, "b_new", "b", FakeXen::build_id());
    Verdict v = load_it();
    EXPECT_EQ(v.upload.outcome, Outcome::accepted);
    EXPECT_EQ(v.apply.outcome, Outcome::refused);
    EXPECT_EQ(v.apply.error, -EINVAL);
    EXPECT_EQ(v.apply.log, "check against a build-id failed");
    EXPECT_TRUE(has_finding(v, "load.dependency.mismatch"));
    options.check_stack_dependency = false;
    EXPECT_TRUE(load_it().good());
    options.below.clear();
    options.check_stack_dependency = true;
    bytes = small("second_function", 32, "b_new", "b", sample::bytes_of("x"));
    EXPECT_EQ(load_it().apply.log, "check against hypervisor build-id failed");
}

TEST_F(LoadStack, SameBuildIdOrName) {
    put_below();
    bytes = small("second_function", 32, "b_new", "a", sample::bytes_of("a"));
    expect_refused(load_it(), Stage::notes, -EEXIST, "", "load.notes.loaded-already");
    options.name = "a";
    bytes = small("second_function", 32, "b_new", "b", sample::bytes_of("a"));
    expect_refused(load_it(), Stage::upload, -EEXIST, "", "load.upload.name");
}

TEST_F(LoadStack, Collision) {
    put_below();
    bytes = small("second_function", 32, "a_new", "b", sample::bytes_of("a"));
    // a_new replaces a function in both, but a_new_helper is new in both
    expect_refused(load_it(), Stage::symbol_table, -EEXIST, "duplicate new symbol: a_new_helper",
                   "load.symbol-table.duplicate");
}

TEST_F(LoadStack, Reference) {
    put_below();
    bytes = small("second_function", 32, "b_new", "b", sample::bytes_of("a"), "a_new_helper");
    Verdict v = load_it();
    EXPECT_TRUE(v.good());
    EXPECT_TRUE(has_finding(v, "load.stack.reference"));
    // a function that replaces another is not visible
    bytes = small("second_function", 32, "b_new", "b", sample::bytes_of("a"), "a_new");
    expect_refused(load_it(), Stage::symbols, -ENOENT, "Unknown symbol: a_new");
}

TEST_F(LoadStack, ReplacedAgain) {
    put_below();
    bytes = small("old_function", 64, "b_new", "b", sample::bytes_of("a"));
    Verdict v = load_it();
    EXPECT_TRUE(v.good());
    EXPECT_TRUE(has_finding(v, "load.stack.replaced-again"));
    // the jump of the first is what is overwritten, and what an expectation would meet
    EXPECT_EQ(v.loaded->functions[0].replaced, first->functions[0].patch);
    sample::Raw r(bytes);
    r.in<std::uint8_t>(".livepatch.funcs", 72) = 1 | 9 << 1;
    for (std::uint64_t i = 0; i < 9; ++i)
        r.in<std::uint8_t>(".livepatch.funcs", 73 + i) = i < 4 ? endbr[i] : 0x90;
    EXPECT_EQ(load_it().apply.error, -EINVAL);
}

TEST_F(LoadStack, Overlap) {
    put_below();
    bytes = small("old_function", 64, "b_new", "b", sample::bytes_of("a"));
    sample::Raw r(bytes);
    r.relocation(".livepatch.funcs", 1).r_addend = 16;
    r.in<std::uint32_t>(".livepatch.funcs", 28) = 16;
    Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.stack.overlap"));
}

TEST_F(LoadStack, PatchesAPayload) {
    put_below();
    bytes = small("a_new_helper", 1, "b_new", "b", sample::bytes_of("a"));
    EXPECT_TRUE(has_finding(load_it(), "load.stack.patches-payload"));
}

} // namespace
} // namespace xlp::load
