// SPDX-License-Identifier: GPL-2.0-only
// Pages of a guest: the record of one that tells of itself, and the console ring.
#pragma once

#include "tools/xlp-qa/launcher/domain.h"

struct xenforeignmemory_handle;

namespace launcher {

// At guest-physical beat_address, as a guest of tests/nested/guest lays it out. `longest` is the
// longest time between two rounds, in cycles of the time stamp counter, since it was last zeroed.
struct Beat {
    char magic[8]; // beat_magic
    std::uint64_t rounds;
    std::uint64_t changes; // of what the guest sees; the first word is none
    std::uint64_t last;
    std::uint64_t longest;
    char seen[16]; // the hypervisor's extra version
};
inline constexpr char beat_magic[9] = "XLP-BEAT";

// One page of a domain, mapped.
class Page {
public:
    Page(unsigned domain, unsigned long frame);
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    ~Page();
    void* get() const { return page_; }
    explicit operator bool() const { return page_; } // the guest may have no such page

private:
    xenforeignmemory_handle* memory_;
    void* page_ = nullptr;
};

// What a guest has written to its console since the last look, taken out of the ring.
std::string drain_console(const Page& ring);

} // namespace launcher
