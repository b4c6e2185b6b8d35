// SPDX-License-Identifier: GPL-2.0-only
#include "payload/elf/note.h"

#include "payload/base/bytes.h"

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

} // namespace xlp::elf
