// SPDX-License-Identifier: GPL-2.0-only
// Symbols, relocations, the payload's own symbol table.
#include "load_fixture.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadSymbols : public Loader {};
class LoadRelocations : public Loader {};
class LoadSymbolTable : public Loader {};

TEST_F(LoadSymbols, Unknown) {
    builder.symbol("no_such_symbol");
    builder.symbol("nor_such_a_one");
    make();
    Verdict v = load_it();
    expect_refused(v, Stage::symbols, -ENOENT, "Unknown symbol: no_such_symbol",
                   "load.symbols.unknown");
    int unknown = 0;
    for (const Finding& f : v.findings)
        unknown += f.code == "load.symbols.unknown";
    EXPECT_EQ(unknown, 2); // Xen names one, we name all
}

TEST_F(LoadSymbols, WeakIsNotSpecial) {
    builder.symbol("no_such_symbol");
    builder.object.symbols.back().bind = STB_WEAK;
    make();
    expect_refused(load_it(), Stage::symbols, -ENOENT, "Unknown symbol: no_such_symbol");
}

TEST_F(LoadSymbols, EmptyNameIsUnknown) {
    raw().symbol("old_function").st_name = 0;
    expect_refused(load_it(), Stage::symbols, -ENOENT, "Unknown symbol: ");
}

TEST_F(LoadSymbols, Common) {
    raw().symbol("xlp_new").st_shndx = SHN_COMMON;
    expect_refused(load_it(), Stage::symbols, -EINVAL, "Unexpected common symbol: xlp_new");
}

TEST_F(LoadSymbols, SectionOutOfBounds) {
    raw().symbol("xlp_new").st_shndx = raw().header().e_shnum;
    expect_refused(load_it(), Stage::symbols, -EINVAL, "Out of bounds symbol section");
    make();
    raw().symbol("xlp_new").st_shndx = SHN_XINDEX;
    expect_refused(load_it(), Stage::symbols, -EOPNOTSUPP, "Out of bounds symbol section 0xffff");
}

TEST_F(LoadSymbols, Values) {
    const auto loaded = load_it().loaded;
    for (const ResolvedSymbol& s : loaded->symbols) {
        if (s.name == "old_function") {
            EXPECT_EQ(s.value, FakeXen::function);
            EXPECT_EQ(s.origin, Origin::hypervisor);
        }
        if (s.name == "xlp_helper") {
            EXPECT_EQ(s.value, loaded->base + sample::helper_at);
            EXPECT_TRUE(s.exported);
        }
        EXPECT_FALSE(s.exported && s.name == "xlp_new"); // it replaces a function
    }
}

TEST_F(LoadSymbols, AmbiguousNameIsAHazard) {
    builder.symbol("twice");
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.symbols.ambiguous"));
}

TEST_F(LoadSymbols, InitReferenceIsFatal) {
    const std::uint32_t symbol = builder.symbol("init_function");
    builder.relocate(1, 12, R_X86_64_PC32, symbol, -4);
    make();
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.init-reference"));
}

TEST_F(LoadSymbols, InitReferenceThatCodeOfTheHypervisorHasTooIsNoFault) {
    FakeXen xen;
    xen.call(FakeXen::second, FakeXen::init + 0x100);
    const std::uint32_t symbol = builder.symbol("init_function");
    builder.relocate(1, 12, R_X86_64_PC32, symbol, -4);
    make();
    const Verdict v = load(bytes, xen.image(version), options);
    EXPECT_FALSE(has_finding(v, "load.fatal.init-reference"));
    EXPECT_TRUE(has_finding(v, "load.init-reference"));
}

TEST_F(LoadSymbols, EfiMap) {
    auto map = xen::EfiMap::parse("0xffff82d040300000 T second_function\n"
                                  "0xffff82d040900000 B __2M_rwdata_end\n",
                                  "xen.efi.map");
    ASSERT_TRUE(map);
    options.efi_map = &*map;
    EXPECT_TRUE(has_finding(load_it(), "load.efi.unknown")); // old_function
    EXPECT_FALSE(xen::EfiMap::parse("hello\n", "x"));
    EXPECT_FALSE(xen::EfiMap::parse("", "x"));
}

TEST_F(LoadRelocations, WrittenAsXenWrites) {
    const auto loaded = load_it().loaded;
    std::int32_t call;
    std::memcpy(&call, &loaded->memory[5], sizeof call);
    EXPECT_EQ(call, static_cast<std::int32_t>(sample::helper_at) - 4 - 5);
    EXPECT_EQ(loaded->functions[0].new_address, loaded->base);
    EXPECT_EQ(loaded->functions[0].old_address, FakeXen::function);
    EXPECT_FALSE(loaded->functions[0].by_name);
    EXPECT_EQ(loaded->functions[1].old_address, FakeXen::second);
    EXPECT_TRUE(loaded->functions[1].by_name);
}

TEST_F(LoadRelocations, Links) {
    raw().section(".rela.text.xlp_new").sh_link = 1;
    expect_refused(load_it(), Stage::relocations, -EINVAL,
                   "Relative link of .rela.text.xlp_new is incorrect (1, expected=");
    make();
    raw().section(".rela.text.xlp_new").sh_info = 1000; // skipped
    EXPECT_TRUE(load_it().upload.outcome == Outcome::accepted);
}

TEST_F(LoadRelocations, Header) {
    raw().section(".rela.text.xlp_new").sh_entsize = 23;
    expect_refused(load_it(), Stage::relocations, -EINVAL, "Section relative header is corrupted");
    make();
    raw().section(".rela.text.xlp_new").sh_type = SHT_REL;
    expect_refused(load_it(), Stage::relocations, -EOPNOTSUPP, "SHT_REL relocation unsupported");
}

TEST_F(LoadRelocations, Symbols) {
    raw().relocation(".text.xlp_new", 0).r_info = ELF64_R_INFO(0, R_X86_64_NONE);
    expect_refused(load_it(), Stage::relocations, -EOPNOTSUPP, "Encountered STN_UNDEF");
    make();
    raw().relocation(".text.xlp_new", 0).r_info = ELF64_R_INFO(1000, R_X86_64_64);
    expect_refused(load_it(), Stage::relocations, -EINVAL, "wants symbol@1000 which is past end");
}

TEST_F(LoadRelocations, IgnoredSymbol) {
    std::uint32_t comment = 0;
    for (std::uint32_t i = 0; i < builder.object.sections.size(); ++i)
        if (builder.object.sections[i].name == ".comment")
            comment = i + 1;
    builder.relocate(1, 12, R_X86_64_64, builder.symbol("in_comment", comment));
    make();
    const char* const log = "Relocation against ignored symbol in_comment cannot be resolved";
    expect_refused(load_it(), Stage::relocations, -EINVAL, log);
    EXPECT_EQ(load_on({4, 14, 4}).upload.outcome, Outcome::accepted); // does not know better
}

TEST_F(LoadRelocations, Offsets) {
    const std::uint64_t size = raw().section(".text.xlp_new").sh_size;
    raw().relocation(".text.xlp_new", 0).r_offset = size - 3;
    expect_refused(load_it(), Stage::relocations, -EINVAL,
                   "Relative relocation offset is past .text.xlp_new section");
    make();
    raw().relocation(".livepatch.funcs", 0).r_offset = 208 - 7;
    expect_refused(load_it(), Stage::relocations, -EINVAL, "offset is past .livepatch.funcs");
}

TEST_F(LoadRelocations, Overflow) {
    raw().relocation(".text.xlp_new", 0).r_addend = 1LL << 32;
    expect_refused(load_it(), Stage::relocations, -EOVERFLOW,
                   "Overflow in relocation 0 in .rela.text.xlp_new for .text.xlp_new");
}

TEST_F(LoadRelocations, Types) {
    for (std::uint32_t type :
         {R_X86_64_GOTPCREL, R_X86_64_32, R_X86_64_32S, R_X86_64_PC64, R_X86_64_REX_GOTPCRELX}) {
        make();
        Elf64_Rela& r = raw().relocation(".text.xlp_new", 0);
        r.r_info = ELF64_R_INFO(ELF64_R_SYM(r.r_info), type);
        expect_refused(load_it(), Stage::relocations, -EOPNOTSUPP,
                       "Unhandled relocation " + std::to_string(type), "load.relocations.type");
    }
}

TEST_F(LoadSymbolTable, NewSymbolLikeTheHypervisors) {
    builder.symbol("idle_loop", 1, sample::helper_at);
    builder.symbol("tiny", 1, sample::helper_at);
    make();
    Verdict v = load_it();
    expect_refused(v, Stage::symbol_table, -EEXIST, "duplicate new symbol: idle_loop",
                   "load.symbol-table.duplicate");
    int duplicates = 0;
    for (const Finding& f : v.findings)
        duplicates += f.code == "load.symbol-table.duplicate";
    EXPECT_EQ(duplicates, 2);
}

TEST_F(LoadSymbolTable, OverridesAreExempt) {
    builder.symbol("idle_loop", 1, 0); // where the new function is
    make();
    EXPECT_EQ(load_it().upload.outcome, Outcome::accepted);
}

TEST_F(LoadSymbolTable, LabelsInMergedSectionsAreExempt) {
    builder.symbol(".Lidle_loop", 2, 0);
    make();
    const auto loaded = load_it().loaded;
    for (const ResolvedSymbol& s : loaded->symbols)
        EXPECT_FALSE(s.exported && s.name == ".Lidle_loop");
}

TEST_F(LoadSymbolTable, NamesAreCut) {
    builder.symbol(std::string(200, 'n'), 1, sample::helper_at);
    make();
    bool found = false;
    const auto loaded = load_it().loaded;
    for (const ResolvedSymbol& s : loaded->symbols)
        found = found || (s.exported && s.name == std::string(126, 'n'));
    EXPECT_TRUE(found);
}

} // namespace
} // namespace xlp::load
