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

Finding wrong_name(const std::string& name, std::string why) {
    return bad_input("host.name", std::move(why), "Choose another name for the payload.",
                     {{}, printable(name.substr(0, name_limit)), {}, 0});
}

} // namespace

std::string printable(const std::string& name) {
    std::string s;
    for (char c : name)
        s += control(c) ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                        : std::string(1, c);
    return s;
}

Result<void> check_name(const std::string& name) {
    if (name.empty())
        return fail(wrong_name(name, "The payload's name is empty."));
    if (name.size() > name_limit)
        return fail(wrong_name(name, fmt::format("The payload's name has {} bytes; the hypervisor "
                                                 "takes {}.",
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
