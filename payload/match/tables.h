// SPDX-License-Identifier: GPL-2.0-only
// The linked hypervisor's tables that speak of places in its code: what boot rewrites, what faults
// and BUG() look up. Addresses and layouts as in xen/arch/x86/xen.lds.S of each version; a table
// that the image does not have is empty.
#pragma once

#include "payload/xen/image.h"

#include <vector>

namespace xlp::match {

using xen::Address;
using xen::Range;

struct Alternative {
    Range original;    // with its padding: what boot may rewrite
    Range replacement; // in .init.text
    unsigned feature = 0;
};

struct Exception {
    Address instruction = 0, continuation = 0;
};

struct Tables {
    std::vector<Alternative> alternatives; // by original.begin
    std::vector<Range> alt_calls;          // of .alt_call_sites, by begin
    std::vector<Address> sealed;           // functions that may lose their ENDBR64 at boot, sorted
    std::vector<Exception> exceptions;
    std::vector<Address> bug_frames; // places of BUG, WARN, ASSERT, run-in-exception; sorted

    // Code that boot may rewrite: alternatives, alternative calls, sealed ENDBR64s; by begin, may
    // overlap. None is longer than 510 bytes.
    std::vector<Range> rewritten;

    static Tables read(const xen::Image&);
};

// Starts with ENDBR64 in the file.
bool has_endbr(const xen::Image&, Address);

} // namespace xlp::match
