// SPDX-License-Identifier: GPL-2.0-only
#include "payload/elf/note.h"
#include "payload/elf/object.h"
#include "payload/elf/writer.h"

#include <cstring>
#include <gmock/gmock.h>

namespace xlp::elf {
namespace {

using testing::HasSubstr;

// .text with one relocation to `callee`, one local and one global function.
Bytes sample() {
    NewObject o;
    o.sections.push_back({.name = ".text",
                          .flags = SHF_ALLOC | SHF_EXECINSTR,
                          .align = 16,
                          .bytes = {0xe8, 0, 0, 0, 0, 0xc3},
                          .relocations = {{1, R_X86_64_PLT32, 2, -4}}});
    NewSection bss{.name = ".bss", .type = SHT_NOBITS, .bytes = {}, .relocations = {}};
    bss.nobits_size = 24;
    o.sections.push_back(std::move(bss));
    o.symbols.push_back({.name = "ours", .size = 6, .section = 1, .type = STT_FUNC});
    o.symbols.push_back({.name = "global",
                         .value = 5,
                         .size = 1,
                         .section = 1,
                         .bind = STB_GLOBAL,
                         .type = STT_FUNC});
    o.symbols.push_back({.name = "callee", .bind = STB_GLOBAL});
    auto bytes = write_object(o);
    EXPECT_TRUE(bytes);
    return *bytes;
}

Elf64_Ehdr& header(Bytes& b) {
    return *reinterpret_cast<Elf64_Ehdr*>(b.data());
}
Elf64_Shdr* sections(Bytes& b) {
    return reinterpret_cast<Elf64_Shdr*>(b.data() + header(b).e_shoff);
}

std::string code_of(Bytes b) {
    auto o = Object::parse(std::move(b), "x.o");
    return o ? "" : o.error().front().code;
}

TEST(Object, what_is_written_is_read) {
    auto o = Object::parse(sample(), "x.o");
    ASSERT_TRUE(o);
    EXPECT_TRUE(o->relocatable());
    const Section* text = o->section(".text");
    ASSERT_TRUE(text);
    EXPECT_EQ(text->bytes.size(), 6U);
    ASSERT_EQ(text->relocations.size(), 1U);
    EXPECT_EQ(text->relocations[0].addend, -4);
    EXPECT_EQ(o->symbols()[text->relocations[0].symbol].name, "callee");
    EXPECT_EQ(o->section(".bss")->size, 24U);
    EXPECT_TRUE(o->section(".bss")->bytes.empty());
    EXPECT_EQ(o->section(".none"), nullptr);
}

TEST(Object, the_same_content_gives_the_same_bytes) {
    EXPECT_EQ(sample(), sample());
}

TEST(Object, a_file_cut_short_is_truncated) {
    Bytes b = sample();
    b.resize(sizeof(Elf64_Ehdr) - 1);
    EXPECT_THAT(code_of(b), testing::StartsWith("elf."));
    b = sample();
    b.resize(b.size() - 1); // the last section header
    EXPECT_EQ(code_of(b), "elf.truncated");
}

TEST(Object, no_cut_is_taken_for_whole_or_kills) {
    const Bytes whole = sample();
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_NE(code_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))), "")
            << n;
}

TEST(Object, indices_that_lead_nowhere_are_corrupt) {
    Bytes b = sample();
    for (unsigned i = 1; i < header(b).e_shnum; ++i)
        if (sections(b)[i].sh_type == SHT_RELA) {
            auto* r = reinterpret_cast<Elf64_Rela*>(b.data() + sections(b)[i].sh_offset);
            r->r_info = ELF64_R_INFO(1000, R_X86_64_PC32);
        }
    EXPECT_EQ(code_of(b), "elf.corrupt");
    b = sample();
    for (unsigned i = 1; i < header(b).e_shnum; ++i)
        if (sections(b)[i].sh_type == SHT_SYMTAB)
            sections(b)[i].sh_link = 1000;
    EXPECT_EQ(code_of(b), "elf.corrupt");
}

TEST(Object, other_files_are_told_apart) {
    Bytes b = sample();
    b[EI_CLASS] = ELFCLASS32;
    EXPECT_THAT(code_of(b), testing::StartsWith("elf."));
    b = sample();
    header(b).e_machine = EM_AARCH64;
    EXPECT_THAT(code_of(b), testing::StartsWith("elf."));
    EXPECT_THAT(code_of(Bytes(200, 'x')), testing::StartsWith("elf."));
}

TEST(Note, a_build_id_comes_back) {
    const BuildId id = {1, 2, 3, 4, 5};
    EXPECT_EQ(build_id_of_note(make_build_id_note(id)), id);
    Bytes cut = make_build_id_note(id);
    cut.resize(cut.size() - 4);
    EXPECT_FALSE(build_id_of_note(cut));
    EXPECT_FALSE(build_id_of_note(Bytes{}));
}

} // namespace
} // namespace xlp::elf
