// SPDX-License-Identifier: GPL-2.0-only
// Build-ids, function records, hooks and tables.
#include "load_fixture.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadNotes : public Loader {};
class LoadRecords : public Loader {
protected:
    template <class T>
    T& field(std::uint64_t offset) {
        return raw().in<T>(".livepatch.funcs", offset);
    }
    // The first record for another function, by name.
    void aim(const char* function, std::uint32_t size) {
        sample::Target t = target();
        t.function = function;
        t.function_size = size;
        builder = sample::make(t);
        make();
    }
    void drop_relocation(std::uint64_t offset) {
        for (elf::NewSection& s : builder.object.sections)
            if (s.name == ".livepatch.funcs")
                std::erase_if(s.relocations,
                              [&](const elf::Relocation& r) { return r.offset == offset; });
        make();
    }
};
class LoadTables : public Loader {};

TEST_F(LoadNotes, Missing) {
    for (const char* note :
         {".livepatch.depends", ".livepatch.xen_depends", ".note.gnu.build-id"}) {
        make();
        raw().section(note).sh_name += 1;
        expect_refused(load_it(), Stage::special_sections, -EINVAL,
                       std::string(note) + " is missing", "load.special.missing");
    }
    make();
    raw().section(".livepatch.xen_depends").sh_name += 1;
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL,
                   "section .livepatch.xen_depends is missing");
}

TEST_F(LoadNotes, Empty) {
    raw().section(".livepatch.depends").sh_size = 0;
    expect_refused(load_it(), Stage::special_sections, -EINVAL, ".livepatch.depends is empty");
}

TEST_F(LoadNotes, Malformed) {
    struct Damage {
        std::uint64_t offset;
        std::uint32_t value;
        int error; // since the rework
    };
    for (const Damage& d : {Damage{8, 1, -ENODATA},
                            {0, 0xffffffff, -EINVAL},
                            {0, 3, -EINVAL},
                            {4, 1000, -EINVAL},
                            {12, 0x00564e47, -ENODATA},
                            {4, 0, -EINVAL}}) {
        make();
        raw().in<std::uint32_t>(".note.gnu.build-id", d.offset) = d.value;
        expect_refused(load_it(), Stage::notes, -EINVAL, "", "load.notes.malformed");
        expect_refused(load_on(latest), Stage::notes, d.error, "", "load.notes.malformed");
    }
    make();
    raw().section(".note.gnu.build-id").sh_size = 12;
    expect_refused(load_it(), Stage::notes, -EINVAL, "");
    make();
    raw().in<std::uint32_t>(".livepatch.xen_depends", 8) = 1;
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL,
                   "failed to parse section .livepatch.xen_depends as build-id: -61");
}

TEST_F(LoadNotes, OtherHypervisor) {
    raw().in<char>(".livepatch.xen_depends", 16) ^= 1;
    expect_refused(load_it(), Stage::hypervisor_id, -EINVAL,
                   "check against hypervisor build-id failed", "load.hypervisor-id.mismatch");
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL, "build-id mismatch:");
    // checked first, or last
    raw().symbol("old_function").st_name = 0;
    expect_refused(load_it(), Stage::symbols, -ENOENT, "Unknown symbol");
    expect_refused(load_on({4, 19, 1}), Stage::hypervisor_id, -EINVAL, "build-id mismatch:");
    expect_refused(load_on({4, 19, 0}), Stage::symbols, -ENOENT, "Unknown symbol");
}

TEST_F(LoadRecords, Version) {
    field<std::uint8_t>(32) = 1;
    expect_refused(load_it(), Stage::functions, -EOPNOTSUPP, "Wrong version (1). Expected 2");
}

TEST_F(LoadRecords, Sizes) {
    raw().section(".livepatch.funcs").sh_size -= 1;
    expect_refused(load_it(), Stage::functions, -EINVAL,
                   "Wrong size 207 of .livepatch.funcs (must be multiple of 104)");
    make();
    field<std::uint32_t>(28) = 0;
    expect_refused(load_it(), Stage::functions, -EINVAL, "Address or size fields are zero");
    field<std::uint32_t>(28) = 8; // old_function begins with ENDBR64
    expect_refused(load_it(), Stage::functions, -EINVAL, "", "load.functions.too-short");
    EXPECT_EQ(load_on({4, 14, 4}).upload.outcome, Outcome::accepted); // overwrites the ENDBR64
    field<std::uint32_t>(28) = 9;
    EXPECT_EQ(load_it().upload.outcome, Outcome::accepted);
    field<std::uint32_t>(28) = 4;
    expect_refused(load_on({4, 14, 4}), Stage::functions, -EINVAL, "", "load.functions.too-short");
}

TEST_F(LoadRecords, NoOperations) {
    field<std::uint32_t>(104 + 24) = 32;
    expect_refused(load_it(), Stage::functions, -EOPNOTSUPP, "", "load.functions.nop-length");
    field<std::uint32_t>(104 + 24) = 31;
    field<std::uint32_t>(104 + 28) = 30;
    expect_refused(load_it(), Stage::functions, -EINVAL, "", "load.functions.nop-length");
}

TEST_F(LoadRecords, NoOperationsAtEndbrUnderflow) {
    drop_relocation(8); // no new address
    field<std::uint32_t>(24) = 3;
    Verdict v = load_it();
    EXPECT_EQ(v.upload.outcome, Outcome::accepted);
    expect_fatal(v.apply, Stage::apply);
    EXPECT_TRUE(has_finding(v, "load.fatal.nop-underflow"));
}

TEST_F(LoadRecords, UnknownName) {
    drop_relocation(16);
    raw().in<char>(".livepatch.strings", 0) = 'X';
    Verdict v = load_it();
    expect_refused(v, Stage::functions, -ENOENT, "Could not resolve old address of Xld_function");
}

TEST_F(LoadRecords, NullNameIsFatal) {
    drop_relocation(104);
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::functions);
    EXPECT_TRUE(has_finding(v, "load.fatal.name-null"));
}

TEST_F(LoadRecords, Distance) {
    drop_relocation(8);
    field<Address>(8) = 0x1000;
    expect_refused(load_it(), Stage::functions, -EOVERFLOW, "", "load.functions.distance");
}

TEST_F(LoadRecords, NewAddressMustBeCode) {
    drop_relocation(8);
    field<Address>(8) = FakeXen::data;
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.new-address"));
}

TEST_F(LoadRecords, OldAddressInInit) {
    aim("init_function", 32);
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::functions); // Xen looks for an ENDBR64 there
    EXPECT_TRUE(has_finding(v, "load.fatal.old-address-init"));
}

TEST_F(LoadRecords, OldAddressIsANumber) {
    drop_relocation(16);
    field<Address>(16) = FakeXen::function;
    Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.absolute-address"));
    EXPECT_TRUE(v.good());
    field<Address>(16) = FakeXen::function + 1;
    EXPECT_TRUE(has_finding(load_it(), "load.old-address.inside"));
    field<Address>(16) = FakeXen::data;
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.old-address-not-code"));
    field<Address>(16) = 0xffff82d07f000000;
    v = load_it();
    expect_fatal(v.upload, Stage::functions);
    EXPECT_TRUE(has_finding(v, "load.fatal.old-address-unmapped"));
}

TEST_F(LoadRecords, OldAddressInEfi) {
    auto map = EfiMap::parse("ffff82d040300000 T old_function\nffff82d040300100 T "
                             "second_function\n",
                             "map");
    ASSERT_TRUE(map);
    options.efi_map = &*map;
    EXPECT_TRUE(load_it().good());
    drop_relocation(16);
    field<Address>(16) = FakeXen::function;
    EXPECT_TRUE(has_finding(load_it(), "load.efi.address"));
}

TEST_F(LoadRecords, WrongSizes) {
    aim("old_function", 65);
    EXPECT_TRUE(has_finding(load_it(), "load.old-size.exceeds"));
    aim("old_function", 63);
    EXPECT_TRUE(has_finding(load_it(), "load.old-size.less"));
}

TEST_F(LoadRecords, ForbiddenFunctions) {
    aim("idle_loop", 64);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.forbidden-function"));
    aim("entry_stub", 32);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.forbidden-function"));
}

TEST_F(LoadRecords, Overlap) {
    aim("second_function", 32);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.overlap"));
}

TEST_F(LoadRecords, State) {
    field<std::uint8_t>(64) = 1;
    Verdict v = load_on({4, 16, 0});
    EXPECT_TRUE(has_finding(v, "load.fatal.applied"));
    EXPECT_TRUE(v.loaded->functions[0].patch.empty());
    v = load_it(); // has its state elsewhere
    EXPECT_FALSE(has_finding(v, "load.fatal.applied"));
    EXPECT_TRUE(has_finding(v, "load.record-padding"));
    EXPECT_FALSE(v.loaded->functions[0].patch.empty());
}

TEST_F(LoadRecords, ReadOnlyRecords) {
    for (elf::NewSection& s : builder.object.sections)
        if (s.name == ".livepatch.funcs")
            s.flags = SHF_ALLOC;
    make();
    for (xen::Version v : {xen::Version{4, 16, 4}, {4, 17, 1}, {4, 17, 2}, {4, 18, 0}}) {
        Verdict verdict = load_on(v);
        EXPECT_TRUE(has_finding(verdict, "load.fatal.read-only-records")) << v.text();
        expect_fatal(verdict.apply, Stage::apply);
    }
    for (xen::Version v : {xen::Version{4, 16, 3}, {4, 17, 0}, {4, 17, 3}, {4, 18, 1}})
        EXPECT_TRUE(load_on(v).good()) << v.text();
}

TEST_F(LoadRecords, Expectations) {
    // the second function is all 0x90 in the fake image
    const std::uint64_t e = 104 + 72;
    field<std::uint8_t>(e) = 1 | 5 << 1;
    for (int i = 1; i <= 5; ++i)
        field<std::uint8_t>(e + i) = 0x90;
    EXPECT_TRUE(load_it().good());
    field<std::uint8_t>(e + 5) = 0x91;
    Verdict v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::refused);
    EXPECT_EQ(v.apply.error, -EINVAL);
    EXPECT_NE(v.apply.log.find("expectation failed: expected:9090909091, actual:9090909090"),
              v.apply.log.npos);
    EXPECT_TRUE(has_finding(v, "load.expectations.mismatch"));
    field<std::uint8_t>(e) = 1 | 5 << 1 | 1 << 6;
    EXPECT_TRUE(has_finding(load_it(), "load.expectations.reserved"));
    field<std::uint8_t>(e) = 1 | 31 << 1;
    field<std::uint32_t>(104 + 28) = 30;
    v = load_it();
    EXPECT_EQ(v.apply.error, -ERANGE);
    EXPECT_TRUE(has_finding(v, "load.expectations.length"));
}

TEST_F(LoadRecords, Jump) {
    const auto loaded = load_it().loaded;
    const FunctionRecord& f = loaded->functions[0];
    EXPECT_EQ(f.patch_offset, 4U); // behind ENDBR64
    ASSERT_EQ(f.patch.size(), 5U);
    EXPECT_EQ(f.patch[0], 0xe9);
    std::int32_t displacement;
    std::memcpy(&displacement, &f.patch[1], 4);
    EXPECT_EQ(f.old_address + 9 + static_cast<Address>(static_cast<std::int64_t>(displacement)),
              f.new_address);
    EXPECT_EQ(loaded->functions[1].patch, elf::Bytes(8, 0x90));
}

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
    elf::Bytes call = {0xff, 0x15, 0, 0, 0, 0, 0xc3};
    const std::uint32_t text =
        builder.section(".text.call", SHF_ALLOC | SHF_EXECINSTR, std::move(call));
    const std::uint32_t site = builder.section_symbol(text);
    builder.relocate(text, 2, R_X86_64_PC32, builder.symbol("some_data"), -4);
    const std::uint32_t sites = builder.section(".alt_call_sites", SHF_ALLOC, elf::Bytes(4), 4);
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
    elf::Bytes call = {0xff, 0x15, 0, 0, 0, 0, 0xc3};
    const std::uint32_t text =
        builder.section(".text.call", SHF_ALLOC | SHF_EXECINSTR, std::move(call));
    builder.relocate(text, 2, R_X86_64_PC32, builder.symbol("init_function"), -4);
    const std::uint32_t sites = builder.section(".alt_call_sites", SHF_ALLOC, elf::Bytes(4), 4);
    builder.relocate(sites, 0, R_X86_64_PC32, builder.section_symbol(text), 0);
    make();
    Verdict v = load_on(latest);
    expect_fatal(v.upload, Stage::alternative_calls);
    EXPECT_TRUE(has_finding(v, "load.fatal.call-slot-init"));
}

TEST_F(LoadTables, BugFrameReach) {
    const std::uint32_t far = builder.symbol("some_data");
    const std::uint32_t frames = builder.section(".bug_frames.0", SHF_ALLOC, elf::Bytes(8), 4);
    builder.relocate(frames, 4, R_X86_64_PC32, far, 0x0a << 24); // a line, no distance
    make();
    EXPECT_FALSE(has_finding(load_it(), "load.fatal.bug-frame-overflow"));
    builder.object.sections[frames - 1].relocations[0].addend = -(5 << 20) & 0xffffff;
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.bug-frame-overflow")); // with neighbours
    // xen.efi, where data begins 10 MiB behind
    builder.object.sections[frames - 1].relocations[0].addend = 0;
    make();
    auto map = EfiMap::parse("ffff82d040200000 D some_data\nffff82d040a00000 B __2M_rwdata_end\n"
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
    builder.section(".altinstructions", SHF_ALLOC, elf::Bytes(14));
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.section-repeated"));
}

TEST_F(LoadTables, ExceptionsOutside) {
    raw().relocation(".ex_table", 0).r_addend = 0x100000;
    EXPECT_TRUE(has_finding(load_it(), "load.exception-outside"));
}

} // namespace
} // namespace xlp::load
