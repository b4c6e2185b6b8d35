// SPDX-License-Identifier: GPL-2.0-only
// From a selection to a payload: one relocatable object that Xen's loader takes.
#pragma once

#include "payload/base/bytes.h"
#include "payload/diff/select.h"
#include "payload/elf/note.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace xlp::emit {

struct Options {
    elf::BuildId depends; // of what the payload is applied on: the hypervisor's, or a payload's
    // .modinfo: "key=value" in this order, then "content=" and the payload's own build-id in hex.
    // Keys and values without NUL; keys without '='.
    std::vector<std::pair<std::string, std::string>> modinfo;
    // Bytes that the hypervisor is to find at a replaced function's start before it applies the
    // payload, by that function's address; at most 31. Only from Xen 4.14 on.
    std::map<xen::Address, Bytes> expectations;
};

struct Payload {
    Bytes bytes; // the file
    elf::BuildId build_id;
};

// Sections are merged (one .text, one .rodata, ...), everything inside the payload is referred to
// by section symbol, and no name is left that could clash with the hypervisor's or another
// payload's. The same selection gives the same bytes. Errors (emit.*): relocations that the loader
// does not know, a payload over the loader's limits.
Result<Payload> emit(const diff::Program&, const diff::Selection&, const diff::Binder&,
                     const Options&);

} // namespace xlp::emit
