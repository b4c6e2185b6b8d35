// SPDX-License-Identifier: GPL-2.0-only
// Random programs.
#pragma once

#include "program.h"
#include "random.h"

namespace xlp::generator {

// A program of a few functions and variables, all of whose names begin with `prefix`.
Program random_program(Random&, const std::string& prefix);

// A statement for a function, of what the program has; may add variables to it.
std::string random_statement(Random&, Program&, int function);
// A new variable that some function may come to use.
int add_variable(Random&, Program&, int owner = -1);
// A new function that calls nothing of the program.
int add_leaf(Random&, Program&, int unit);

// What all units begin with, and the unit that no patch touches.
extern const char* const prelude;
extern const char* const base_unit;

} // namespace xlp::generator
