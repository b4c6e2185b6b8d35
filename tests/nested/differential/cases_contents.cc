// SPDX-License-Identifier: GPL-2.0-only
// Damage to what the sections hold: notes, function records, hooks, tables.
#include "payload/base/bytes.h"
#include "tests/nested/differential/cases.h"

#include <fmt/format.h>

namespace xlp::differential {

using sample::Builder;
using sample::Raw;

void add_note_cases(Cases& c) {
    for (const char* note :
         {".livepatch.depends", ".livepatch.xen_depends", ".note.gnu.build-id"}) {
        const auto add = [&](const char* what, std::uint64_t offset, std::uint32_t value) {
            c.raw(
                fmt::format("notes.{}.{}", note, what),
                [&](const Raw& r) { r.in<std::uint32_t>(note, offset) = value; },
                what == std::string_view("id"));
        };
        add("namesz-0", 0, 0);
        add("namesz-3", 0, 3);
        add("namesz-5", 0, 5);
        add("namesz-8", 0, 8);
        add("namesz-far", 0, 1000);
        add("namesz-max", 0, 0xffffffff);
        add("descsz-0", 4, 0);
        add("descsz-1", 4, 1);
        add("descsz-21", 4, 21);
        add("descsz-far", 4, 1000);
        add("descsz-max", 4, 0xffffffff);
        add("type-1", 8, 1);
        add("name-gnV", 12, 0x00564e47);
        add("name-gnux", 12, 0x78554e47);
        add("id", 16, 0);
        for (std::uint64_t size : {0U, 12U, 13U, 16U, 17U})
            c.raw(fmt::format("notes.{}.size-{}", note, size),
                  [&](const Raw& r) { r.section(note).sh_size = size; });
        // another name, so that it is missing
        c.raw(
            fmt::format("notes.{}.missing", note),
            [&](const Raw& r) { r.section(note).sh_name += 1; }, true);
    }
}

void add_record_cases(Cases& c) {
    const char* const funcs = ".livepatch.funcs";
    const std::uint64_t second = c.target().shape.record_size; // where the second record is
    const auto u8 = [&](const char* what, std::uint64_t offset, std::uint8_t value,
                        bool reduced = false) {
        c.raw(
            fmt::format("records.{}", what),
            [&](const Raw& r) { r.in<std::uint8_t>(funcs, offset) = value; }, reduced);
    };
    const auto u32 = [&](const char* what, std::uint64_t offset, std::uint32_t value,
                         bool reduced = false) {
        c.raw(
            fmt::format("records.{}", what),
            [&](const Raw& r) { r.in<std::uint32_t>(funcs, offset) = value; }, reduced);
    };
    u8("version-0", 32, 0);
    u8("version-other", 32, static_cast<std::uint8_t>(3 - c.target().shape.record_version), true);
    u8("version-3", second + 32, 3);
    u8("opaque", 40, 1);
    u32("old-size-0", 28, 0, true);
    u32("old-size-4", 28, 4, true);
    u32("old-size-5", 28, 5);
    u32("old-size-max", 28, 0xffffffff);
    u32("new-size-0", 24, 0);
    u32("nop-size-0", second + 24, 0);
    u32("nop-size-3", second + 24, 3);
    u32("nop-size-31", second + 24, 31);
    u32("nop-size-32", second + 24, 32, true);
    u32("nop-old-size-7", second + 28, 7, true);
    if (c.target().shape.record_version == 2) {
        u8("applied", 64, 1);
        u8("applied-2", 64, 2);
        u8("patch-offset", 65, 4);
        // expectations: byte 72 is enabled | length << 1 | reserved << 6
        for (std::uint8_t head : {0x01, 0x03, 0x0b, 0x3f, 0x41, 0x81, 0xc1, 0xfe})
            u8(fmt::format("expect-{:#x}", head).c_str(), 72, head, head == 0x0b);
    }
    const auto without = [](Builder& b, std::uint64_t offset) {
        for (elf::NewSection& s : b.object.sections)
            if (s.name == ".livepatch.funcs")
                std::erase_if(s.relocations,
                              [&](const elf::Relocation& r) { return r.offset == offset; });
    };
    c.built("records.name-null", [&](Builder& b) { without(b, 0); });
    c.built("records.name-and-address-null", [&](Builder& b) { without(b, second); });
    c.built("records.nop-by-no-address", [&](Builder& b) { without(b, 8); });
    c.built(
        "records.by-name", [&](Builder& b) { without(b, 16); }, true);
    const auto number = [&](const char* what, std::uint64_t offset, std::uint64_t value) {
        c.built(fmt::format("records.{}", what), [&](Builder& b) {
            without(b, offset);
            for (elf::NewSection& s : b.object.sections)
                if (s.name == ".livepatch.funcs")
                    std::memcpy(&s.bytes[offset], &value, sizeof value);
        });
    };
    number("old-address-1", 16, 1);
    number("old-address-high", 16, 0xffffff0000000000);
    number("old-address-not-canonical", 16, 0x1234567812345678);
    number("new-address-1", 8, 1);
    number("new-address-near", 8, 0xffff82d07fffe000);
    number("name-1", 0, 1);
    c.built(
        "records.unknown-name",
        [](Builder& b) {
            for (elf::NewSection& s : b.object.sections)
                if (s.name == ".livepatch.strings")
                    s.bytes[s.bytes.size() - 2] ^= 0x20;
        },
        true);
    const auto aimed = [&](const char* what, const char* symbol, std::uint32_t size) {
        c.built(fmt::format("records.{}", what), [&](Builder& b) {
            without(b, 16);
            for (std::uint32_t i = 0; i < b.object.sections.size(); ++i)
                if (b.object.sections[i].name == ".livepatch.funcs") {
                    std::memcpy(&b.object.sections[i].bytes[28], &size, sizeof size);
                    b.relocate(i + 1, 16, R_X86_64_64, b.symbol(symbol));
                }
        });
    };
    aimed("init", "__init_begin", 16);
    aimed("data", "__2M_rwdata_start", 16);
    aimed("endbr-8", "do_xen_version", 8);
    aimed("endbr-9", "do_xen_version", 9);
    aimed("after-end", "_end", 16);
    c.raw("records.size-odd", [&](const Raw& r) { r.section(funcs).sh_size -= 1; });
    c.raw("records.one", [&](const Raw& r) { r.section(funcs).sh_size -= second; });
    c.raw(
        "records.none", [&](const Raw& r) { r.section(funcs).sh_size = 0; }, true);
    c.raw("records.missing", [&](const Raw& r) { r.section(funcs).sh_name += 1; });
    c.built("records.read-only", [](Builder& b) {
        for (elf::NewSection& s : b.object.sections)
            if (s.name == ".livepatch.funcs")
                s.flags = SHF_ALLOC;
    });
}

namespace {

void add_hook_cases(Cases& c) {
    for (const char* hook : c.target().shape.hook_sections()) {
        for (std::uint64_t size : {0U, 4U, 7U, 9U, 16U})
            c.raw(
                fmt::format("hooks.{}.size-{}", hook, size),
                [&](const Raw& r) { r.section(hook).sh_size = size; }, size == 0 || size == 4);
        c.built(fmt::format("hooks.{}.null", hook), [&](Builder& b) {
            for (elf::NewSection& s : b.object.sections)
                if (s.name == hook)
                    s.relocations.clear();
        });
        c.built(fmt::format("hooks.{}.two", hook), [&](Builder& b) {
            for (elf::NewSection& s : b.object.sections)
                if (s.name == hook) {
                    s.bytes.resize(16);
                    s.relocations.push_back(s.relocations[0]);
                    s.relocations[1].offset = 8;
                }
        });
    }
    c.built(
        "hooks.nothing-to-patch",
        [](Builder& b) {
            for (elf::NewSection& s : b.object.sections)
                if (s.name.starts_with(".livepatch.hooks.") || s.name == ".livepatch.funcs")
                    s.name = ".ro" + s.name;
        },
        true);
    c.built("hooks.only", [](Builder& b) {
        for (elf::NewSection& s : b.object.sections)
            if (s.name == ".livepatch.funcs")
                s.name = ".ro";
    });
}

} // namespace

void add_table_cases(Cases& c) {
    add_hook_cases(c);
    for (unsigned kind = 0; kind < 5; ++kind)
        for (std::uint64_t size : {0U, 7U, 8U, 9U, 12U, 16U})
            c.built(fmt::format("bug-frames.{}.size-{}", kind, size), [&](Builder& b) {
                for (elf::NewSection& s : b.object.sections)
                    if (s.name == ".bug_frames.1") {
                        s.name = fmt::format(".bug_frames.{}", kind);
                        s.bytes.resize(size);
                        s.relocations.clear();
                    }
            });
    const char* const alternatives = ".altinstructions";
    const auto alternative = [&](const char* what, std::uint64_t offset, std::uint8_t value) {
        c.raw(fmt::format("alternatives.{}", what),
              [&](const Raw& r) { r.in<std::uint8_t>(alternatives, offset) = value; });
    };
    alternative("feature-high", 9, 0x04);
    alternative("feature-max", 9, 0x7f);
    alternative("feature-negated", 9, 0x80);
    alternative("feature-671", 9, 0x02);
    alternative("orig-0", 10, 0);
    alternative("orig-2", 10, 2);
    alternative("orig-255", 10, 255);
    alternative("repl-0", 11, 0);
    alternative("repl-4", 11, 4);
    alternative("repl-255", 11, 255);
    if (c.target().shape.alternative_size > 12) {
        alternative("pad-1", 12, 1);
        alternative("pad-252", 12, 252);
        alternative("private", 13, 1);
    }
    for (const char* table : {".altinstructions", ".ex_table", ".modinfo", ".altinstr_replacement"})
        for (std::uint64_t size : {0U, 1U, 2U, 7U, 8U, 13U})
            c.raw(fmt::format("tables.{}.size-{}", table, size),
                  [&](const Raw& r) { r.section(table).sh_size = size; });
    for (const char* table : {".altinstructions", ".ex_table", ".livepatch.hooks.load"})
        for (std::size_t size : {0U, 1U, 8U, 14U, 28U, 80U})
            c.built(fmt::format("tables.{}.zeros-{}", table, size), [&](Builder& b) {
                for (elf::NewSection& s : b.object.sections)
                    if (s.name == table) {
                        s.relocations.clear();
                        s.bytes.assign(size, 0);
                    }
            });
    c.raw(
        "tables.modinfo.unterminated",
        [](const Raw& r) { r.in<char>(".modinfo", r.section(".modinfo").sh_size - 1) = 'x'; },
        true);
    c.raw(
        "tables.no-replacements",
        [](const Raw& r) { r.section(".altinstr_replacement").sh_name += 1; }, true);
    c.built("tables.no-text", [](Builder& b) {
        for (elf::NewSection& s : b.object.sections)
            s.flags &= ~std::uint64_t{SHF_EXECINSTR};
    });
    for (const char* name : {".altinstructions", ".livepatch.funcs", ".ex_table", ".modinfo",
                             ".note.gnu.build-id", ".livepatch.xen_depends"})
        c.built(fmt::format("tables.{}.twice", name),
                [&](Builder& b) { b.section(name, SHF_ALLOC, Bytes(3, 0xff)); });
}

} // namespace xlp::differential
