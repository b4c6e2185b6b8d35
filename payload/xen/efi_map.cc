// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/efi_map.h"

#include "payload/base/file.h"

#include <charconv>
#include <fmt/format.h>

namespace xlp::xen {

namespace {

std::string_view next_word(std::string_view& line) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos)
        return line = {};
    line.remove_prefix(begin);
    const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
    line.remove_prefix(word.size());
    return word;
}

} // namespace

Result<EfiMap> EfiMap::parse(std::string_view text, const std::string& file) {
    EfiMap map;
    unsigned number = 0;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        ++number;
        std::string_view address = next_word(line);
        const std::string_view type = next_word(line);
        const std::string_view name = next_word(line);
        if (address.empty())
            continue;
        if (address.starts_with("0x"))
            address.remove_prefix(2);
        std::uint64_t value = 0;
        auto [end, error] =
            std::from_chars(address.data(), address.data() + address.size(), value, 16);
        if (error != std::errc() || end != address.data() + address.size() || type.size() != 1)
            return fail(bad_input("efi-map.line", "The line is not `0xADDRESS TYPE NAME'.",
                                  "Use the xen.efi.map that the build wrote next to xen.efi.",
                                  {file, {}, file, number}));
        map.addresses_.emplace(name, value);
        map.entries_.push_back({value, type[0], std::string(name)});
    }
    if (map.addresses_.empty())
        return fail(
            bad_input("efi-map.empty", "The map contains no symbols.", {}, {file, {}, {}, 0}));
    return map;
}

Result<EfiMap> EfiMap::read(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    if (!bytes)
        return fail(bytes);
    return parse({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path.string());
}

std::optional<std::uint64_t> EfiMap::resolve(std::string_view name) const {
    auto it = addresses_.find(std::string(name));
    return it == addresses_.end() ? std::nullopt : std::optional(it->second);
}

} // namespace xlp::xen
