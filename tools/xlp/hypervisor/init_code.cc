// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/init_code.h"

#include "payload/base/file.h"

#include <charconv>

namespace xlp::host {
namespace {

constexpr std::uint64_t longest_list = 16U << 20; // bytes; Xen 4.17 has 400 KiB

struct Line {
    std::uint64_t address = 0;
    std::string_view name;
};

std::optional<Line> read_line(std::string_view line) {
    Line l;
    const auto [end, error] =
        std::from_chars(line.data(), line.data() + line.size(), l.address, 16);
    const std::size_t type = static_cast<std::size_t>(end - line.data());
    if (error != std::errc() || line.size() < type + 4 || line[type] != ' '
        || line[type + 2] != ' ')
        return std::nullopt;
    l.name = line.substr(type + 3);
    return l;
}

template <class F>
void for_each_symbol(std::string_view text, F visit) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (const auto line = read_line(text.substr(0, end)))
            visit(*line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

} // namespace

std::optional<InitCode> read_init_code(const std::filesystem::path& xensyms) {
    const auto text = read_text_if_there(xensyms, longest_list);
    if (!text || !*text)
        return std::nullopt;
    InitCode code;
    for_each_symbol(**text, [&](const Line& l) {
        if (l.name == "_sinittext")
            code.begin = l.address;
        else if (l.name == "_einittext")
            code.end = l.address;
    });
    if (!code.begin || code.end <= code.begin)
        return std::nullopt;
    for_each_symbol(**text, [&](const Line& l) {
        if (l.address >= code.begin && l.address < code.end)
            code.names.emplace(l.name);
    });
    return code;
}

} // namespace xlp::host
