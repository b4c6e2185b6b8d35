// SPDX-License-Identifier: GPL-2.0-only
// Loaders before 4.14: what they ask for, what they do not notice, and what they die of.
#include "load_fixture.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadOld : public Loader {
protected:
    elf::NewSection& section(std::string_view name) {
        for (elf::NewSection& s : builder.object.sections)
            if (s.name == name)
                return s;
        throw std::out_of_range("no section " + std::string(name));
    }
    void add_hook(const char* name) {
        const std::uint32_t s = builder.section(name, SHF_ALLOC, Bytes(8), 8);
        builder.relocate(s, 0, R_X86_64_64, builder.symbol("xlp_hook", 1, sample::hook_at));
        make();
    }
};

TEST_F(LoadOld, RecordsOfVersion2AreRefused) {
    make_for({4, 13, 5});
    raw().in<std::uint8_t>(".livepatch.funcs", 32) = 2;
    expect_refused(load_it(), Stage::functions, -EOPNOTSUPP, "Wrong version (2). Expected 1",
                   "load.functions.version");
    make_for({4, 14, 0});
    version = {4, 13, 5}; // 208 bytes are no multiple of 64
    expect_refused(load_it(), Stage::functions, -EINVAL, "Wrong size 208 of .livepatch.funcs");
    make_for({4, 13, 5});
    version = {4, 14, 0};
    expect_refused(load_it(), Stage::functions, -EINVAL, "Wrong size 128 of .livepatch.funcs");
}

TEST_F(LoadOld, FunctionsAreDemanded) {
    make_for({4, 13, 5});
    raw().section(".livepatch.funcs").sh_name += 1;
    expect_refused(load_it(), Stage::special_sections, -EINVAL, ".livepatch.funcs is missing",
                   "load.special.missing");
}

TEST_F(LoadOld, TheHypervisorsBuildIdIsNotCompared) {
    for (xen::Version v : {xen::Version{4, 7, 6}, {4, 13, 5}}) {
        make_for(v);
        raw().in<char>(".livepatch.xen_depends", 16) ^= 1;
        const Verdict verdict = load_it();
        EXPECT_EQ(verdict.upload.outcome, Outcome::accepted) << v.text();
        EXPECT_EQ(verdict.apply.outcome, Outcome::accepted) << v.text();
        EXPECT_TRUE(has_finding(verdict, "load.hypervisor-id.mismatch")) << v.text();
        EXPECT_FALSE(verdict.good()) << v.text();
    }
    section(".livepatch.xen_depends").name = ".note.other"; // other tools write none
    make();
    EXPECT_TRUE(load_it().good());
}

TEST_F(LoadOld, HooksThatAreNotRunAreNotLost) {
    make_for({4, 13, 5});
    add_hook(".livepatch.hooks.preapply");
    Verdict v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::accepted);
    EXPECT_TRUE(has_finding(v, "load.hooks.not-run"));
    EXPECT_FALSE(v.good());

    make_for({4, 7, 0});
    add_hook(".livepatch.hooks.load");
    v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::accepted);
    EXPECT_TRUE(has_finding(v, "load.hooks.not-run"));
    EXPECT_FALSE(v.good());
}

TEST_F(LoadOld, The4_7LoaderKnowsNoNoOperations) {
    make_for({4, 8, 0});
    EXPECT_FALSE(load_it().loaded->functions[1].new_address);
    version = {4, 7, 0};
    expect_refused(load_it(), Stage::functions, -EINVAL, "Address or size fields are zero",
                   "load.functions.no-size");
}

TEST_F(LoadOld, RelocationsWithoutASymbolAreFatalAtFirst) {
    struct Case {
        xen::Version version;
        bool fatal;
    };
    for (const Case& c : {Case{{4, 7, 3}, true},
                          {{4, 7, 4}, false},
                          {{4, 8, 1}, true},
                          {{4, 9, 0}, true},
                          {{4, 9, 1}, false},
                          {{4, 10, 0}, false}}) {
        make_for(c.version);
        raw().relocation(".livepatch.funcs", 0).r_info = ELF64_R_INFO(0, R_X86_64_64);
        const Verdict v = load_it();
        if (c.fatal)
            expect_fatal(v.upload, Stage::relocations);
        else
            expect_refused(v, Stage::relocations, -EOPNOTSUPP, "Encountered STN_UNDEF");
    }
}

TEST_F(LoadOld, AlignmentIsCheckedFrom4_10On) {
    make_for({4, 9, 4});
    raw().section(".data.xlp").sh_addralign = 3;
    EXPECT_EQ(load_it().upload.outcome, Outcome::accepted);
    version = {4, 10, 0};
    expect_refused(load_it(), Stage::sections, -EOPNOTSUPP, "alignment (0x3) is not supported");
}

TEST_F(LoadOld, AnEmptyExceptionTableIsRefusedBefore4_10) {
    make_for({4, 9, 4});
    section(".ex_table").bytes.clear();
    section(".ex_table").relocations.clear();
    make();
    expect_refused(load_it(), Stage::exception_table, -EINVAL, "Wrong size of .ex_table");
    version = {4, 10, 0};
    EXPECT_EQ(load_it().upload.outcome, Outcome::accepted);
}

TEST_F(LoadOld, APayloadWithoutWritableDataCanBeAppliedAgainFrom4_10On) {
    for (xen::Version v : {xen::Version{4, 9, 4}, {4, 10, 0}}) {
        make_for(v);
        for (const char* name : {".livepatch.funcs", ".data.xlp", ".bss.xlp"})
            section(name).flags = SHF_ALLOC;
        make();
        EXPECT_EQ(load_it().loaded->safe_to_reapply, v.minor == 10) << v.text();
    }
}

TEST_F(LoadOld, AlternativesHave12BytesBefore4_11) {
    make_for({4, 10, 0});
    version = {4, 11, 0};
    expect_refused(load_it(), Stage::alternatives, -EINVAL, "Wrong size 12 of .altinstructions");
}

} // namespace
} // namespace xlp::load
