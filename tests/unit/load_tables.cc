// SPDX-License-Identifier: GPL-2.0-only
// Hooks and tables.
#include "load_fixture.h"
#include "payload/base/bytes.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadTables : public Loader {};

TEST_F(LoadTables, PatchingSections) {
    raw().section(".livepatch.hooks.load").sh_size = 0;
    raw().section(".rela.livepatch.hooks.load").sh_info = 1000;
    expect_refused(load_it(), Stage::patching_sections, -EINVAL, ".livepatch.hooks.load is empty");
    for (elf::NewSection& s : builder.object.sections)
        if (s.name.starts_with(".livepatch.hooks") || s.name == ".livepatch.funcs")
            s.name = ".other";
    make();
    expect_refused(load_it(), Stage::patching_sections, -EINVAL, "Nothing to patch. Aborting...");
}

TEST_F(LoadTables, HookSizes) {
    raw().section(".livepatch.hooks.load").sh_size = 9;
    expect_refused(load_it(), Stage::hooks, -EINVAL, "Wrong size 9 of .livepatch.hooks.load");
    make();
    raw().section(".livepatch.hooks.preapply").sh_size = 16;
    expect_refused(load_it(), Stage::hooks, -EINVAL, "", "load.hooks.number");
}

TEST_F(LoadTables, HookTargets) {
    for (elf::NewSection& s : builder.object.sections)
        if (s.name == ".livepatch.hooks.load")
            s.relocations.clear();
    make();
    Verdict v = load_it();
    expect_fatal(v.apply, Stage::apply);
    EXPECT_TRUE(has_finding(v, "load.fatal.hook-null"));
    raw().in<Address>(".livepatch.hooks.load", 0) = FakeXen::data;
    v = load_it();
    expect_fatal(v.apply, Stage::apply);
    EXPECT_TRUE(has_finding(v, "load.fatal.hook-target"));
    raw().in<Address>(".livepatch.hooks.load", 0) = FakeXen::second; // no ENDBR64
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.hook-endbr"));
    EXPECT_FALSE(has_finding(load_on(version, false), "load.fatal.hook-endbr"));
}

TEST_F(LoadTables, UnloadHookIsCalledWhenReverted) {
    for (elf::NewSection& s : builder.object.sections)
        if (s.name == ".livepatch.hooks.unload")
            s.relocations.clear();
    make();
    Verdict v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::accepted);
    expect_fatal(v.revert, Stage::revert);
    EXPECT_TRUE(has_finding(v, "load.fatal.hook-null"));
}

TEST_F(LoadTables, HookThatIsNotLoadedIsNotCalled) {
    raw().section(".livepatch.hooks.preapply").sh_flags = 0;
    Verdict v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::accepted);
    EXPECT_TRUE(has_finding(v, "load.fatal.special-not-alloc"));
}

TEST_F(LoadTables, ReplacingHookIsWarnedOf) {
    for (elf::NewSection& s : builder.object.sections)
        if (s.name == ".livepatch.hooks.load")
            s.name = ".livepatch.hooks.apply";
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.hook-replaces-action"));
}

TEST_F(LoadTables, Sizes) {
    raw().section(".bug_frames.1").sh_size = 9;
    expect_refused(load_it(), Stage::bug_frames, -EINVAL, "Wrong size 9 of .bug_frames.1");
    make();
    raw().section(".altinstructions").sh_size = 13;
    expect_refused(load_it(), Stage::alternatives, -EINVAL, "(must be multiple of 14)");
    make();
    raw().section(".ex_table").sh_size = 17;
    expect_refused(load_it(), Stage::exception_table, -EINVAL, "Wrong size 17 of .ex_table");
}

TEST_F(LoadTables, Metadata) {
    raw().in<char>(".modinfo", 11) = 'x';
    expect_refused(load_it(), Stage::metadata, -EINVAL, "Incorrect metadata format detected");
    make();
    raw().section(".modinfo").sh_size = 0;
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::metadata);
    EXPECT_TRUE(has_finding(v, "load.fatal.modinfo-empty"));
}

TEST_F(LoadTables, MetadataThatIsNotLoadedIsShownFromFreedMemory) {
    raw().section(".modinfo").sh_flags = 0;
    const Verdict v = load_on({4, 20, 0});
    EXPECT_EQ(v.upload.outcome, Outcome::accepted);
    expect_fatal(v.apply, Stage::apply);
    EXPECT_EQ(load_on({4, 17, 5}).apply.outcome, Outcome::accepted); // knows no address for it
}

TEST_F(LoadTables, AlternativeRanges) {
    raw().relocation(".altinstructions", 0).r_addend = 0x1000;
    expect_refused(load_it(), Stage::alternatives, -EINVAL, "outside payload text");
    Verdict v = load_on({4, 17, 3}); // checks nothing
    EXPECT_EQ(v.upload.outcome, Outcome::accepted);
    EXPECT_TRUE(has_finding(v, "load.fatal.alternative-outside"));
    make();
    raw().relocation(".altinstructions", 1).r_addend = 1;
    expect_refused(load_it(), Stage::alternatives, -EINVAL, "outside .altinstr_replacement");
    make();
    raw().section(".altinstr_replacement").sh_name += 1;
    expect_refused(load_it(), Stage::alternatives, -EINVAL,
                   ".altinstructions provided, but no .altinstr_replacement");
}

TEST_F(LoadTables, AlternativeWithoutText) {
    for (elf::NewSection& s : builder.object.sections)
        s.flags &= ~std::uint64_t{SHF_EXECINSTR};
    make();
    expect_refused(load_it(), Stage::alternatives, -EINVAL, "Alternatives provided, but no .text");
}

TEST_F(LoadTables, AlternativeContents) {
    raw().in<std::uint16_t>(".altinstructions", 8) = 0x7000;
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::alternatives); // BUG_ON()
    EXPECT_TRUE(has_finding(v, "load.fatal.feature-range"));
    expect_refused(load_on(latest), Stage::alternatives, -ERANGE,
                   "applying alternatives failed: -34");
    make();
    raw().in<std::uint8_t>(".altinstructions", 10) = 2; // shorter than its replacement
    v = load_it();
    expect_fatal(v.upload, Stage::alternatives);
    EXPECT_TRUE(has_finding(v, "load.fatal.alternative-length"));
    expect_refused(load_on(latest), Stage::alternatives, -ENOSPC,
                   "applying alternatives failed: -28");
}

TEST_F(LoadTables, AlternativesOnIbtHosts) {
    EXPECT_TRUE(has_finding(load_on({4, 17, 3}), "load.alternatives-with-ibt"));
    EXPECT_FALSE(has_finding(load_on({4, 17, 4}), "load.alternatives-with-ibt"));
    EXPECT_FALSE(has_finding(load_on({4, 17, 3}, false), "load.alternatives-with-ibt"));
}

TEST_F(LoadTables, AlternativeCalls) {
    Bytes call = {0xff, 0x15, 0, 0, 0, 0, 0xc3};
    const std::uint32_t text =
        builder.section(".text.call", SHF_ALLOC | SHF_EXECINSTR, std::move(call));
    const std::uint32_t site = builder.section_symbol(text);
    builder.relocate(text, 2, R_X86_64_PC32, builder.symbol("some_data"), -4);
    const std::uint32_t sites = builder.section(".alt_call_sites", SHF_ALLOC, Bytes(4), 4);
    builder.relocate(sites, 0, R_X86_64_PC32, site, 0);
    make();
    EXPECT_TRUE(load_on(latest).good());
    EXPECT_TRUE(has_finding(load_on({4, 20, 0}), "load.alternative-calls.unknown"));
    raw().in<std::uint8_t>(".text.call", 0) = 0x90;
    expect_refused(load_on(latest), Stage::alternative_calls, -EINVAL, "failed: -22");
    raw().relocation(".alt_call_sites", 0).r_addend = 0x1000;
    expect_refused(load_on(latest), Stage::alternative_calls, -EINVAL, "outside payload text");
    raw().section(".alt_call_sites").sh_size = 5;
    expect_refused(load_on(latest), Stage::alternative_calls, -EINVAL, "Wrong size 5");
    make();
    raw().symbol("some_data").st_name = raw().symbol("old_function").st_name;
    EXPECT_EQ(load_on(latest).upload.outcome, Outcome::accepted);
}

TEST_F(LoadTables, CallSlotInInit) {
    Bytes call = {0xff, 0x15, 0, 0, 0, 0, 0xc3};
    const std::uint32_t text =
        builder.section(".text.call", SHF_ALLOC | SHF_EXECINSTR, std::move(call));
    builder.relocate(text, 2, R_X86_64_PC32, builder.symbol("init_function"), -4);
    const std::uint32_t sites = builder.section(".alt_call_sites", SHF_ALLOC, Bytes(4), 4);
    builder.relocate(sites, 0, R_X86_64_PC32, builder.section_symbol(text), 0);
    make();
    Verdict v = load_on(latest);
    expect_fatal(v.upload, Stage::alternative_calls);
    EXPECT_TRUE(has_finding(v, "load.fatal.call-slot-init"));
    const auto f = std::find_if(v.findings.begin(), v.findings.end(), [](const Finding& one) {
        return one.code == "load.fatal.call-slot-init";
    });
    EXPECT_NE(f->why.find("init_function"), std::string::npos);
}

TEST_F(LoadTables, BugFrameReach) {
    const std::uint32_t far = builder.symbol("some_data");
    const std::uint32_t frames = builder.section(".bug_frames.0", SHF_ALLOC, Bytes(8), 4);
    builder.relocate(frames, 4, R_X86_64_PC32, far, 0x0a << 24); // a line, no distance
    make();
    EXPECT_FALSE(has_finding(load_it(), "load.fatal.bug-frame-overflow"));
    builder.object.sections[frames - 1].relocations[0].addend = -(5 << 20) & 0xffffff;
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.bug-frame-overflow")); // with neighbours
    // xen.efi, where data begins 10 MiB behind
    builder.object.sections[frames - 1].relocations[0].addend = 0;
    make();
    auto map =
        xen::EfiMap::parse("ffff82d040200000 D some_data\nffff82d040a00000 B __2M_rwdata_end\n"
                           "ffff82d040200000 T old_function\n"
                           "ffff82d040200000 T second_function\n",
                           "map");
    ASSERT_TRUE(map);
    options.efi_map = &*map;
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.bug-frame-overflow"));
}

TEST_F(LoadTables, SpecialSectionsAreLoaded) {
    raw().section(".livepatch.funcs").sh_flags = 0;
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::functions); // through a null pointer
    EXPECT_TRUE(has_finding(v, "load.fatal.special-not-alloc"));
    // newer versions keep a pointer into the upload buffer; version and sizes are found there
    v = load_on(latest);
    EXPECT_FALSE(v.good());
    EXPECT_TRUE(has_finding(v, "load.fatal.special-not-alloc"));
}

TEST_F(LoadTables, RepeatedSection) {
    builder.section(".altinstructions", SHF_ALLOC, Bytes(14));
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.section-repeated"));
}

TEST_F(LoadTables, ExceptionsOutside) {
    raw().relocation(".ex_table", 0).r_addend = 0x100000;
    EXPECT_TRUE(has_finding(load_it(), "load.exception-outside"));
}

} // namespace
} // namespace xlp::load
