// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/names.h"

#include "tools/xlp/hypervisor/hypervisor.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace xlp::host {
namespace {

bool control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// The character at the head of `text`, if it is one in UTF-8; its length, else 0.
std::size_t decode(std::string_view text, char32_t& c) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned head = byte(0);
    const std::size_t length = head < 0x80 ? 1 : head >= 0xf0 ? 4 : head >= 0xe0 ? 3 : 2;
    if (length == 1) {
        c = head;
        return 1;
    }
    if (head < 0xc2 || head > 0xf4 || text.size() < length)
        return 0;
    c = head & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (byte(i) & 0x3f);
    }
    return length;
}

// Characters that change what is seen around them: controls, breaks of line, directions.
bool deceives(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f)
           || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

Finding wrong_name(const std::string& name, std::string why) {
    return bad_input("host.name", std::move(why), "Choose another name for the payload.",
                     {{}, printable(name.substr(0, name_limit)), {}, 0});
}

} // namespace

std::string printable(std::string_view text) {
    std::string s;
    while (!text.empty()) {
        char32_t c = 0;
        std::size_t n = decode(text, c);
        const auto head = static_cast<unsigned char>(text[0]);
        if (n <= 1 && (n ? deceives(c) : head < 0xa0))
            s += fmt::format("\\x{:02x}", head);
        else if (n > 1 && deceives(c))
            s += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            s += text.substr(0, std::max<std::size_t>(n, 1));
        text.remove_prefix(std::max<std::size_t>(n, 1));
    }
    return s;
}

Result<void> check_name(const std::string& name) {
    if (name.empty())
        return fail(wrong_name(name, "The payload's name is empty."));
    if (name.size() > name_limit)
        return fail(wrong_name(
            name, fmt::format("The payload's name has {} bytes; the hypervisor accepts {}.",
                              name.size(), name_limit)));
    if (name.find('\0') != name.npos)
        return fail(wrong_name(name, "The payload's name holds a NUL byte."));
    return {};
}

Result<void> check_new_name(const std::string& name) {
    if (auto ok = check_name(name); !ok)
        return ok;
    if (std::any_of(name.begin(), name.end(), control))
        return fail(wrong_name(name, "The payload's name holds a control character."));
    return {};
}

std::string name_of_file(const std::filesystem::path& path) {
    const std::string file = path.filename();
    const std::size_t dot = file.rfind('.');
    return dot == file.npos ? file : file.substr(0, dot);
}

std::string encode_name(const std::string& name) {
    std::string s;
    for (char c : name)
        s += c == '%' || control(c) || static_cast<unsigned char>(c) >= 0x80
                 ? fmt::format("%{:02x}", static_cast<unsigned char>(c))
                 : std::string(1, c);
    return s;
}

std::string decode_name(const std::string& encoded) {
    std::string s;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        unsigned value = 0;
        const char* digits = encoded.data() + i + 1;
        if (encoded[i] == '%' && i + 2 < encoded.size()
            && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            s += static_cast<char>(value);
            i += 2;
        } else
            s += encoded[i];
    }
    return s;
}

} // namespace xlp::host
