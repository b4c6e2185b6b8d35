// SPDX-License-Identifier: GPL-2.0-only
// What a payload holds, for people and for programs. Time and memory go with the file's size,
// whatever is in it.
#pragma once

#include "payload/elf/object.h"
#include "tools/common/cli.h"

#include <string>
#include <vector>

namespace xlp::build {

struct Inspection {
    cli::Json json;
    std::vector<std::string> lines;
};

// `name` is the payload's by default, its file's. Errors: `payload.not-a-payload`, and those of
// manifest::describe().
Result<Inspection> inspect(const elf::Object&, const std::string& name);

// Its code, instruction by instruction, with what relocations refer to.
std::vector<std::string> disassembly(const elf::Object&);

} // namespace xlp::build
