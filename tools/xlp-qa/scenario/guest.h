// SPDX-License-Identifier: GPL-2.0-only
// The dom0 that we make: what is in its initramfs, and the words that it and we exchange over the
// serial line. The guest says what it does in lines that start with `marker`; everything else on
// the line is Xen's or the kernel's. Our side sends short lines (Xen's receive ring holds 128
// bytes): "go" when the disk may be read, then the number of each step.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp-qa/machine/archive.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xlp::qa {

inline constexpr char marker[] = "@xlp@ ";

// What the guest says, after the marker:
//   ready                  up, waits for "go"; the state that a snapshot is taken of
//   broken WHY             the disk cannot be read
//   running BUILD-ID       the disk is unpacked; the hypervisor's own word on its build-id
//   N begin                step N starts
//   N out TEXT             a line of its output, after it has ended
//   N end EXIT-CODE
// What it does in a step is the shell script steps/N on the disk.

struct GuestParts {
    std::filesystem::path busybox;  // statically linked
    std::filesystem::path xlp;      // our tool, or one that takes the same verbs
    std::filesystem::path modules;  // lib/modules/VERSION
    std::filesystem::path launcher; // xlp-qa-guest; empty: left out
};

// The initramfs: an uncompressed cpio archive. The same parts give the same bytes. Errors name
// each part that is missing.
Result<std::string> make_initramfs(const GuestParts&);

// Shared libraries that an ELF program needs on this machine, as members at their own paths, the
// dynamic loader included; none for a static program or what is no ELF file. `program` is asked of
// the dynamic loader, and not run.
Result<std::vector<Member>> shared_libraries(const std::filesystem::path& program);

} // namespace xlp::qa
