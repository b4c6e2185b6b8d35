// SPDX-License-Identifier: GPL-2.0-only
// A small hypervisor in memory: a linked file with the symbols that the loader needs.
#pragma once

#include "load_sample.h"
#include "payload/base/bytes.h"
#include "payload/xen/image.h"

namespace xlp::load {

using xen::Address;

// A linked file of the shape of xen-syms, with the symbols that the loader needs.
class FakeXen {
public:
    static constexpr Address base = 0xffff82d040200000;
    static constexpr Address init = base + 0x3000, data = base + 0x4000, end = base + 0x6000;
    static constexpr Address function = base + 0x1100, second = base + 0x1200;

    explicit FakeXen(bool ibt = true) : ibt_(ibt), text_(0x2000, 0x90) {
        add("_stext", base, 0);
        add("_stextentry", base, 0);
        add_function("entry_stub", 0x100, 32, false);
        add("_etextentry", base + 0x1000, 0);
        add_function("old_function", 0x1100, 64, true);
        add_function("second_function", 0x1200, 32, false);
        add_function("tiny", 0x1300, 4, false);
        add_function("short_endbr", 0x1340, 8, true);
        add_function("idle_loop", 0x1400, 64, false);
        add_function("do_xen_version", 0x1500, 64, ibt);
        add_function("twice", 0x1600, 32, false);
        add_function("twice", 0x1640, 32, false);
        add_function("mcheck_cmn_handler", 0x1680, 32, false);
        add("_etext", base + 0x2000, 0);
        add("__init_begin", init, 0);
        add("init_function", init + 0x100, 32);
        add("__init_end", init + 0x1000, 0);
        add("some_data", data, 8);
        add("_end", end, 0);
        add("__2M_rwdata_end", end, 0);
    }

    // Puts a call of a function into the code of another.
    void call(Address from, Address to) {
        const auto distance = static_cast<std::int32_t>(to - (from + 5));
        text_[from - base] = 0xe8;
        std::memcpy(&text_[from - base + 1], &distance, sizeof distance);
    }

    static elf::BuildId build_id() { return sample::bytes_of("build-id of this xen"); }

    xen::Image image(xen::Version version) const;

private:
    struct Symbol {
        std::string name;
        Address value;
        std::uint64_t size;
    };
    void add(std::string name, Address at, std::uint64_t size) {
        symbols_.push_back({std::move(name), at, size});
    }
    void add_function(std::string name, std::uint64_t offset, std::uint64_t size, bool endbr) {
        static constexpr std::uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
        if (endbr && ibt_) // no compiler marks a function otherwise
            std::memcpy(&text_[offset], endbr64, 4);
        add(std::move(name), base + offset, size);
    }

    bool ibt_;
    Bytes text_;
    std::vector<Symbol> symbols_;
};

} // namespace xlp::load
