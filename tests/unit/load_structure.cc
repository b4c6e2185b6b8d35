// SPDX-License-Identifier: GPL-2.0-only
// Every check of the ELF structure, once, with its errno and log line.
#include "load_fixture.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadHeader : public Loader {};
class LoadSections : public Loader {};

TEST_F(Loader, GoodOnEveryVersion) {
    for (xen::Version v : {xen::Version{4, 7, 0},
                           {4, 8, 0},
                           {4, 9, 4},
                           {4, 10, 0},
                           {4, 11, 4},
                           {4, 12, 0},
                           {4, 13, 5},
                           {4, 14, 0},
                           {4, 14, 5},
                           {4, 15, 3},
                           {4, 16, 4},
                           {4, 17, 2},
                           {4, 17, 5},
                           {4, 18, 0},
                           {4, 18, 4},
                           {4, 19, 1},
                           {4, 20, 0},
                           {4, 21, 0},
                           {4, 22, 0}}) {
        make_for(v);
        Verdict verdict = load_it();
        EXPECT_TRUE(verdict.good()) << v.text();
        for (const Finding& f : verdict.findings)
            EXPECT_NE(f.severity, Severity::error) << v.text() << f.code << ": " << f.why;
        EXPECT_EQ(verdict.loaded->functions.size(), 2U);
    }
}

TEST_F(Loader, OlderVersionsAreNotModelled) {
    Verdict v = load_on({4, 6, 6});
    EXPECT_EQ(v.upload.outcome, Outcome::refused);
    EXPECT_TRUE(has_finding(v, "load.version"));
}

TEST_F(LoadHeader, SizeOfFile) {
    bytes.clear();
    expect_refused(load_it(), Stage::upload, -EINVAL, "", "load.upload.size");
    bytes.assign(max_payload_size + 1, 0);
    expect_refused(load_it(), Stage::upload, -EINVAL, "", "load.upload.size");
    bytes.assign(63, 0);
    expect_refused(load_it(), Stage::header, -EINVAL, "Section header is bigger than payload");
}

TEST_F(LoadHeader, Name) {
    options.name = std::string(128, 'n');
    expect_refused(load_it(), Stage::upload, -EINVAL, "", "load.upload.name");
}

TEST_F(LoadHeader, Magic) {
    raw().header().e_ident[1] = 'X';
    expect_refused(load_it(), Stage::header, -EINVAL, "Not an ELF payload");
}

struct HeaderCase {
    void (*damage)(Elf64_Ehdr&);
    int error;
    const char* log;
};

class LoadHeaderField : public Loader, public testing::WithParamInterface<HeaderCase> {};

TEST_P(LoadHeaderField, IsChecked) {
    GetParam().damage(raw().header());
    expect_refused(load_it(), Stage::header, GetParam().error, GetParam().log);
}

const HeaderCase header_cases[] = {
    {[](Elf64_Ehdr& h) { h.e_version = 2; }, -EOPNOTSUPP, "Invalid ELF payload"},
    {[](Elf64_Ehdr& h) { h.e_ident[EI_VERSION] = 0; }, -EOPNOTSUPP, "Invalid ELF payload"},
    {[](Elf64_Ehdr& h) { h.e_ident[EI_ABIVERSION] = 1; }, -EOPNOTSUPP, "Invalid ELF payload"},
    {[](Elf64_Ehdr& h) { h.e_ident[EI_OSABI] = ELFOSABI_LINUX; }, -EOPNOTSUPP, "Invalid"},
    {[](Elf64_Ehdr& h) { h.e_type = ET_EXEC; }, -EOPNOTSUPP, "Invalid ELF payload"},
    {[](Elf64_Ehdr& h) { h.e_phnum = 1; }, -EOPNOTSUPP, "Invalid ELF payload"},
    {[](Elf64_Ehdr& h) { h.e_machine = EM_AARCH64; }, -EOPNOTSUPP, "Unsupported ELF Machine"},
    {[](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = 1; }, -EOPNOTSUPP, "Unsupported ELF Machine"},
    {[](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = 2; }, -EOPNOTSUPP, "Unsupported ELF Machine"},
    {[](Elf64_Ehdr& h) { h.e_shstrndx = 0; }, -EINVAL, "Section name idx is undefined"},
    {[](Elf64_Ehdr& h) { h.e_shnum = 1024; }, -EOPNOTSUPP, "Too many (1024) sections"},
    {[](Elf64_Ehdr& h) { h.e_shstrndx = h.e_shnum; }, -EINVAL, "is past end of sections"},
    {[](Elf64_Ehdr& h) { h.e_shoff = 1 << 20; }, -EINVAL, "Bogus e_shoff"},
    {[](Elf64_Ehdr& h) { h.e_shentsize = 63; }, -EINVAL, "Section header size is 63! Expected 64"},
    {[](Elf64_Ehdr& h) { h.e_shnum += 1; }, -EINVAL, "Section header size is corrupted"},
};
INSTANTIATE_TEST_SUITE_P(All, LoadHeaderField, testing::ValuesIn(header_cases));

TEST_F(LoadHeader, WhatIsNotLookedAt) {
    raw().header().e_entry = 1;
    raw().header().e_flags = 7;
    raw().header().e_ehsize = 0;
    raw().header().e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
    EXPECT_TRUE(load_it().good());
}

TEST_F(LoadSections, Offset) {
    raw().section(".comment").sh_offset = 63;
    expect_refused(load_it(), Stage::sections, -EINVAL, "data at ELF header of payload");
    make();
    raw().section(".comment").sh_offset = bytes.size() - 2;
    expect_refused(load_it(), Stage::sections, -EINVAL, "data is past end of payload");
}

TEST_F(LoadSections, OffsetOfNobitsAndNull) {
    raw().section(".bss.xlp").sh_offset = 0;
    expect_refused(load_it(), Stage::sections, -EINVAL, "data at ELF header of payload");
    make();
    raw().section(".comment").sh_type = SHT_NULL;
    raw().section(".comment").sh_offset = 0;
    expect_refused(load_it(), Stage::sections, -EINVAL, "data at ELF header of payload");
}

TEST_F(LoadSections, Alignment) {
    raw().section(".comment").sh_addralign = 3;
    expect_refused(load_it(), Stage::sections, -EOPNOTSUPP, "alignment (0x3) is not supported");
    make();
    raw().section(".data.xlp").sh_addr = 4;
    expect_refused(load_it(), Stage::sections, -EINVAL, "addr (0x4) is not aligned properly (0x8)");
}

TEST_F(LoadSections, SizeOfNobits) {
    raw().section(".bss.xlp").sh_size = (2U << 20) + 1;
    expect_refused(load_it(), Stage::sections, -EINVAL, "", "load.sections.bss-size");
    raw().section(".bss.xlp").sh_size = 2U << 20;
    EXPECT_TRUE(load_it().good());
}

TEST_F(LoadSections, SymbolTable) {
    raw().section(".comment").sh_type = SHT_SYMTAB;
    expect_refused(load_it(), Stage::sections, -EOPNOTSUPP, "Unsupported multiple symbol tables");
    make();
    raw().section(".symtab").sh_link = raw().header().e_shnum;
    expect_refused(load_it(), Stage::sections, -EINVAL, "to strtab past end");
    make();
    raw().section(".symtab").sh_type = SHT_PROGBITS;
    expect_refused(load_it(), Stage::sections, -EINVAL, "No symbol table found");
    make();
    raw().section(".symtab").sh_entsize = 23;
    expect_refused(load_it(), Stage::sections, -EINVAL, "Symbol table header is corrupted");
    make();
    raw().section(".symtab").sh_size = 0;
    expect_refused(load_it(), Stage::sections, -EINVAL, "Symbol table header is corrupted");
}

TEST_F(LoadSections, StringTables) {
    raw().section(".strtab").sh_type = SHT_PROGBITS;
    expect_refused(load_it(), Stage::sections, -EINVAL, "String table section is corrupted");
    make();
    raw().in<char>(".strtab", 0) = 'x';
    expect_refused(load_it(), Stage::sections, -EINVAL, "String table section is corrupted");
    make();
    raw().in<char>(".shstrtab", raw().section(".shstrtab").sh_size - 1) = 'x';
    expect_refused(load_it(), Stage::section_names, -EINVAL, "Section string table is corrupted");
    make();
    raw().section(".comment").sh_name = 1 << 20;
    expect_refused(load_it(), Stage::section_names, -EINVAL, "name is not within .shstrtab");
    make();
    raw().symbol("xlp_new").st_name = 1 << 20;
    expect_refused(load_it(), Stage::symbol_names, -EINVAL, "name is not within .strtab");
}

TEST_F(LoadSections, NullLinksAreFatal) {
    raw().section(".symtab").sh_link = 0;
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::sections);
    EXPECT_TRUE(has_finding(v, "load.fatal.link-null"));
    make();
    raw().section(".rela.text.xlp_new").sh_info = 0;
    v = load_it();
    expect_fatal(v.upload, Stage::relocations);
    EXPECT_TRUE(has_finding(v, "load.fatal.target-null"));
}

TEST_F(LoadSections, WrappingSizeIsFatal) {
    Elf64_Shdr& s = raw().section(".data.xlp");
    s.sh_size = -s.sh_offset;
    Verdict v = load_it();
    EXPECT_FALSE(v.good());
    EXPECT_TRUE(has_finding(v, "load.fatal.section-wraps"));
}

TEST_F(LoadSections, AlignmentZero) {
    raw().section(".text.xlp_new").sh_addralign = 0;
    Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.fatal.align-zero"));
    EXPECT_FALSE(v.good());
}

TEST_F(LoadSections, WriteAndExecute) {
    raw().section(".data.xlp").sh_flags |= SHF_EXECINSTR;
    expect_refused(load_it(), Stage::placement, -EOPNOTSUPP, "", "load.placement.write-execute");
}

TEST_F(LoadSections, EmptySectionOnOldVersions) {
    builder.section(".data.empty", SHF_ALLOC | SHF_WRITE, {});
    make();
    EXPECT_TRUE(has_finding(load_on({4, 14, 0}), "load.empty-section"));
    EXPECT_FALSE(has_finding(load_on({4, 14, 5}), "load.empty-section"));
}

TEST_F(LoadSections, Placement) {
    const auto loaded = load_it().loaded;
    // __2M_rwdata_end, eight pages of allocator's bitmap, one guard page
    EXPECT_EQ(loaded->base, FakeXen::end + 9 * 4096);
    EXPECT_EQ(load_on({4, 16, 0}).loaded->base, FakeXen::base + 0x200000 + 9 * 4096);
    EXPECT_EQ(loaded->text.begin, loaded->base);
    EXPECT_EQ(loaded->rw.begin, loaded->base + 4096);
    EXPECT_EQ(loaded->ro.begin, loaded->base + 8192);
    EXPECT_EQ(loaded->pages, 3U);
    EXPECT_FALSE(loaded->safe_to_reapply); // .data.xlp
}

TEST_F(LoadSections, MemoryIsBounded) {
    // 40 sections that each stand for the whole of a large file
    for (int i = 0; i < 40; ++i)
        builder.section(".data." + std::to_string(i), SHF_ALLOC | SHF_WRITE, {});
    make();
    bytes.resize(max_payload_size);
    const std::size_t first = raw().index_of(".data.0");
    for (std::size_t i = 0; i < 40; ++i) {
        raw().section(first + i).sh_offset = 64;
        raw().section(first + i).sh_size = max_payload_size - 64;
    }
    Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.limit"));
    EXPECT_TRUE(v.loaded->memory.empty());
}

} // namespace
} // namespace xlp::load
