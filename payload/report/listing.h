// SPDX-License-Identifier: GPL-2.0-only
// Code as a person wants to read it: instructions with the names of what they refer to.
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/load/model.h"

#include <string>
#include <vector>

namespace xlp::report {

struct Line {
    std::uint64_t offset = 0; // from the function's start
    std::string text;         // "call p2m_unlock"
    std::string key;          // what it is compared by: without distances inside the function
};

// Of the old function, from the image; empty where the image has no such bytes.
std::vector<Line> old_code(const load::FunctionRecord&, const xen::Image&,
                           const disasm::Disassembler&);
// Of the new function, from the payload's memory.
std::vector<Line> new_code(const load::FunctionRecord&, const load::Loaded&, const xen::Image&,
                           const disasm::Disassembler&);

} // namespace xlp::report
