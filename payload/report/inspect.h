// SPDX-License-Identifier: GPL-2.0-only
// What a payload holds, for people and for programs. Time and memory go with the file's size,
// whatever is in it.
#pragma once

#include "payload/base/json.h"
#include "payload/elf/object.h"

#include <string>
#include <vector>

namespace xlp::report {

// As a document. `name` is the payload's by default, its file's. Errors: `payload.not-a-payload`,
// and those of manifest::describe().
Result<Json> inspect(const elf::Object&, const std::string& name);
// That document in words.
std::vector<std::string> to_lines(const Json& inspected);

// Its code, instruction by instruction, with what relocations refer to.
std::vector<std::string> disassembly(const elf::Object&);

} // namespace xlp::report
