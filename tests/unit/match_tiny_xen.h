// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor of a few functions: C and assembly compiled at test time and linked with a script
// that has the sections and symbols of Xen's own.
#pragma once

#include "payload/atom/module.h"
#include "payload/match/match.h"
#include "payload/xen/image.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::match::test {

inline constexpr std::string_view xen_flags =
    "-O2 -fpic -fvisibility=hidden -ffreestanding -mno-red-zone -fno-asynchronous-unwind-tables "
    "-fno-stack-protector -fcf-protection=none -fno-jump-tables -ffunction-sections "
    "-fdata-sections -w";

// As Xen up to 4.16 is built: functions of a file share a section.
inline constexpr const char* unsplit_flags =
    "-O2 -fpic -fvisibility=hidden -ffreestanding -mno-red-zone -fno-asynchronous-unwind-tables "
    "-fno-stack-protector -fcf-protection=none -w";

struct Source {
    std::string text;
    std::string name = "unit.c"; // .c or .S; also the name in Xen's symbol table
    std::string flags = std::string(xen_flags);
};

// Works in a folder of its own that goes with it. Tools that fail throw std::runtime_error.
class TinyXen {
public:
    TinyXen();
    ~TinyXen();
    TinyXen(const TinyXen&) = delete;
    TinyXen& operator=(const TinyXen&) = delete;

    std::unique_ptr<atom::Module> compile(const Source&);
    xen::Image link(const std::vector<Source>&, xen::Version = {4, 17, 5});

private:
    std::filesystem::path object(const Source&);

    std::filesystem::path folder_;
    unsigned count_ = 0;
};

// Both at once: the hypervisor of `theirs`, matched with an object of `ours`.
struct Pair {
    Pair(const Source& ours, const Source& theirs);
    TinyXen tiny;
    xen::Image image;
    std::unique_ptr<atom::Module> module;
    Match match;

    const AtomMatch& of(std::string_view name) const;
    atom::AtomId id(std::string_view name) const;
};

} // namespace xlp::match::test
