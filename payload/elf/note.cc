// SPDX-License-Identifier: GPL-2.0-only
#include "payload/elf/note.h"

#include <cstring>

namespace xlp::elf {

namespace {
std::uint32_t word(View bytes, std::size_t offset) {
    std::uint32_t v;
    std::memcpy(&v, bytes.data() + offset, sizeof v);
    return v;
}
} // namespace

std::optional<BuildId> build_id_of_note(View section) {
    constexpr std::size_t header = 12;
    if (section.size() <= header)
        return std::nullopt;
    const std::uint64_t namesz = word(section, 0), descsz = word(section, 4);
    if (word(section, 8) != NT_GNU_BUILD_ID || namesz != 4 || descsz == 0
        || namesz + descsz > section.size() - header
        || std::memcmp(section.data() + header, "GNU", 4) != 0)
        return std::nullopt;
    View desc = section.subspan(header + namesz, descsz);
    return BuildId(desc.begin(), desc.end());
}

Bytes make_build_id_note(const BuildId& id) {
    const std::uint32_t words[3] = {4, static_cast<std::uint32_t>(id.size()), NT_GNU_BUILD_ID};
    Bytes note(sizeof words);
    std::memcpy(note.data(), words, sizeof words);
    for (char c : {'G', 'N', 'U', '\0'})
        note.push_back(static_cast<std::uint8_t>(c));
    note.insert(note.end(), id.begin(), id.end());
    note.resize((note.size() + 3) & ~std::size_t{3});
    return note;
}

std::optional<BuildId> build_id(const Object& object) {
    for (const char* name : {".note.gnu.build-id", ".note", ".notes"})
        if (const Section* s = object.section(name))
            if (auto id = build_id_of_note(s->bytes))
                return id;
    return std::nullopt;
}

std::string hex(View bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string s;
    s.reserve(bytes.size() * 2);
    for (std::uint8_t b : bytes) {
        s += digits[b >> 4];
        s += digits[b & 15];
    }
    return s;
}

std::optional<Bytes> from_hex(std::string_view s) {
    auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        return -1;
    };
    if (s.size() % 2)
        return std::nullopt;
    Bytes bytes;
    for (std::size_t i = 0; i < s.size(); i += 2) {
        const int high = digit(s[i]), low = digit(s[i + 1]);
        if (high < 0 || low < 0)
            return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return bytes;
}

} // namespace xlp::elf
