// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor that a firmware starts: a PE file of the same functions, with names that its
// linker cut, and an id of its own.
#include "match_tiny_xen.h"
#include "payload/xen/efi.h"

#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace xlp::match::test {
namespace {

constexpr const char* whole_file = "sixteen-chars.c+"; // of 15 to 18 characters
constexpr const char* cut_file = "sixteen-chars.";
constexpr std::uint64_t base = 0xffff82d040200000;

const Source cut_unit{
    "extern int outside(int); static int count;\n"
    "__attribute__((noinline)) static int helper(int x) { return outside(x) + 3; }\n"
    "int work(int x) { count += helper(x); return count; }\n",
    whole_file, std::string(xen_flags) + " -xc"};

template <class T>
void put(Bytes& file, std::size_t at, T value) {
    if (file.size() < at + sizeof value)
        file.resize(at + sizeof value);
    std::memcpy(file.data() + at, &value, sizeof value);
}

// A PE file of the sections in memory, with a CodeView record of `id` unless that is empty.
Bytes pe_of(const elf::Object& elf, std::string_view id) {
    constexpr std::size_t header = 0x40, optional = header + 24, table = optional + 112;
    Bytes pe{'M', 'Z'};
    put<std::uint32_t>(pe, 0x3c, header);
    put<std::uint32_t>(pe, header, 0x4550);
    put<std::uint16_t>(pe, header + 4, 0x8664);
    put<std::uint16_t>(pe, header + 20, 112);
    put<std::uint16_t>(pe, optional, 0x20b);
    put<std::uint64_t>(pe, optional + 24, base);
    pe.resize(0x1000);
    std::uint16_t count = 0;
    const auto add = [&](std::string_view name, std::uint64_t address, View bytes,
                         std::uint64_t size, std::uint32_t flags) {
        const std::size_t at = table + 40 * std::size_t{count++};
        std::memcpy(pe.data() + at, name.data(), std::min<std::size_t>(name.size(), 8));
        put<std::uint32_t>(pe, at + 8, static_cast<std::uint32_t>(size));
        put<std::uint32_t>(pe, at + 12, static_cast<std::uint32_t>(address - base));
        put<std::uint32_t>(pe, at + 16, static_cast<std::uint32_t>(bytes.size()));
        put<std::uint32_t>(pe, at + 20, static_cast<std::uint32_t>(pe.size()));
        put<std::uint32_t>(pe, at + 36, flags);
        pe.insert(pe.end(), bytes.begin(), bytes.end());
    };
    std::uint64_t end = base;
    for (const elf::Section& s : elf.sections())
        if (s.alloc() && s.size) {
            add(s.name, s.address, s.bytes, s.size, s.executable() ? 0x60000020U : 0xc0000040U);
            end = std::max(end, s.address + s.size);
        }
    if (!id.empty()) {
        const std::string record = "....RSDS" + std::string(id);
        add(".buildid", (end + 15) & ~std::uint64_t{15}, as_bytes(record), record.size(),
            0x40000040U);
    }
    put<std::uint16_t>(pe, header + 6, count);
    return pe;
}

// The map, with the unit's file under the name that the linker leaves; `shift` moves all.
xen::EfiMap map_of(const xen::Image& image, std::uint64_t shift = 0) {
    std::string text;
    for (const xen::ImageSymbol& s : image.symbols()) {
        std::string name = s.name;
        if (name.starts_with(whole_file))
            name = cut_file + name.substr(std::strlen(whole_file));
        text += fmt::format("{:#x} {} {}\n", s.address + shift, s.local ? 't' : 'T', name);
    }
    return *xen::EfiMap::parse(text, "xen.efi.map");
}

struct Efi {
    TinyXen tiny;
    xen::Image syms =
        tiny.link({cut_unit,
                   {"int outside(int x) { return x * 3; } int do_xen_version(void) { return 7; }",
                    "outside.c"}});
};

} // namespace

TEST(MatchEfi, HasTheFunctionsUnderItsOwnNames) {
    Efi e;
    auto object = xen::efi_object(pe_of(e.syms.object(), "0123456789abcdef"), map_of(e.syms),
                                  e.syms.object(), "xen.efi");
    ASSERT_TRUE(object) << object.error().front().why;
    auto efi = xen::Image::from(std::move(*object), xen::Version{4, 17, 5});
    ASSERT_TRUE(efi) << efi.error().front().why;
    EXPECT_EQ(as_text(efi->build_id()), "0123456789abcdef");
    EXPECT_EQ(xen::efi_build_id(pe_of(e.syms.object(), "0123456789abcdef")), efi->build_id());
    EXPECT_EQ(xen::efi_build_id(pe_of(e.syms.object(), "")), std::nullopt);
    EXPECT_EQ(efi->text().begin, e.syms.text().begin);
    EXPECT_EQ(efi->resolve("work"), e.syms.resolve("work"));
    EXPECT_EQ(efi->find("work").front()->size, e.syms.find("work").front()->size);
    EXPECT_EQ(efi->find("work").front()->type, STT_FUNC);
    EXPECT_TRUE(efi->find(std::string(whole_file) + "#helper").empty());
    EXPECT_EQ(efi->resolve(std::string(cut_file) + "#helper"),
              e.syms.resolve(std::string(whole_file) + "#helper"));
    EXPECT_EQ(efi->file_name(whole_file), cut_file);
    EXPECT_EQ(efi->file_name("outside.c"), "outside.c");
    EXPECT_EQ(efi->file_name("some/file/that/is/new.c"), "some/file/that/is/new.c");

    auto module = e.tiny.compile(cut_unit);
    module->rename_files([&](std::string_view f) { return efi->file_name(f); });
    const Match match = match_module(*module, *efi);
    for (const char* name : {"work", "helper", "count"})
        EXPECT_EQ(text(match.of(module->find(name)->id).state), "matched") << name;
}

TEST(MatchEfi, WhatDoesNotFitIsRefused) {
    Efi e;
    const Bytes pe = pe_of(e.syms.object(), "0123456789abcdef");
    const auto code = [&](View program, const xen::EfiMap& map) {
        auto object = xen::efi_object(program, map, e.syms.object(), "xen.efi");
        return object ? std::string() : object.error().front().code;
    };
    const xen::EfiMap map = map_of(e.syms);
    EXPECT_EQ(code(pe, map), "");
    EXPECT_EQ(code(as_bytes("hello"), map), "efi.not-efi");
    EXPECT_EQ(code(e.syms.object().bytes(), map), "efi.not-efi");
    EXPECT_EQ(code(pe_of(e.syms.object(), ""), map), "efi.no-build-id");
    EXPECT_EQ(code(pe, map_of(e.syms, 16)), "efi.other-build");
    Bytes other = pe;
    other[0x44] ^= 0xff; // the machine
    EXPECT_EQ(code(other, map), "efi.not-efi");
}

TEST(MatchEfi, ATruncatedOneIsAnError) {
    Efi e;
    const Bytes pe = pe_of(e.syms.object(), "0123456789abcdef");
    const xen::EfiMap map = map_of(e.syms);
    for (std::size_t size = 0; size < pe.size(); size += size < 0x200 ? 1 : 61)
        EXPECT_FALSE(xen::efi_object(View(pe).first(size), map, e.syms.object(), "x")) << size;
}

} // namespace xlp::match::test
