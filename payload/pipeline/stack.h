// SPDX-License-Identifier: GPL-2.0-only
// Payloads that are applied already, and the hypervisor as it runs with them: what a further
// payload is built against.
#pragma once

#include "payload/pipeline/loader.h"

namespace xlp::pipeline {

struct PayloadFile {
    std::string name; // as it is uploaded
    Bytes bytes;
};

class Stack {
public:
    // Applies the payloads, from the bottom up. The image must outlive the stack. Errors: what is
    // found against one of them, and load.stack.below.
    static Result<Stack> on(const xen::Image&, const std::vector<PayloadFile>& below);

    // For the passes: the image with the payloads' code, names and jumps.
    const xen::Image& running() const { return *running_; }
    // For the proof of what goes on top.
    const Loader& loader() const { return *loader_; }
    // What the next payload depends on: the topmost, or the hypervisor.
    const elf::BuildId& top() const { return top_; }

private:
    std::unique_ptr<Loader> loader_;
    std::unique_ptr<xen::Image> running_;
    elf::BuildId top_;
};

} // namespace xlp::pipeline
