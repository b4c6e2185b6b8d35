// SPDX-License-Identifier: GPL-2.0-only
// Code of the hypervisor that uses something, beside the code that was compiled.
#pragma once

#include "payload/diff/program.h"
#include "payload/xen/image.h"

#include <functional>
#include <set>
#include <string>

namespace xlp::pipeline {

// Functions and data, by the hypervisor's names, that refer into the range and are not `known`.
// Boot code does not count.
std::set<std::string> strangers(const xen::Image&, xen::Range,
                                const std::function<bool(const std::string&)>& known);

// Symbols that the compiled units have in the hypervisor: what their code does with a function is
// known.
std::set<std::string> compiled_names(const diff::Program&);

} // namespace xlp::pipeline
