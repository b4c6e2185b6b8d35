// SPDX-License-Identifier: GPL-2.0-only
// What a live patch keeps: the values of variables. Which bytes of one image are which of another.
#pragma once

#include "program.h"

#include "payload/xen/image.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::generator {

// A field of a variable, in both images.
struct Piece {
    std::uint64_t from = 0, to = 0; // addresses
    int from_size = 0, to_size = 0;
    bool from_signed = false;
    bool pointer = false;
    bool writable = true; // in both
    std::string name;
};

// Those of a program's variables that both images have.
std::vector<Piece> pieces(const Program& before, const xen::Image& from, const Program& after,
                          const xen::Image& to);

// Where a pointer into one image leads in the other; nothing if there is no such thing there.
std::optional<std::uint64_t> translate(std::uint64_t, const Program& before, const xen::Image& from,
                                       const Program& after, const xen::Image& to);

// A function of a program in an image; 0 if it is not there, or twice.
std::uint64_t address_of(const Function&, const xen::Image&);

} // namespace xlp::generator
