// SPDX-License-Identifier: GPL-2.0-only
// What compilers and linkers put between functions.
#pragma once

#include "payload/base/bytes.h"
#include "payload/xen/image.h"

namespace xlp::xen {

// Bytes at the start of `code` that are whole no-operations (of one byte and more) or INT3.
std::size_t padding(View code);

// Bytes from a function's start to where something else may begin: its size, and the padding behind
// it as far as the next symbol.
std::uint64_t padded_size(const Image&, const ImageSymbol& function);

} // namespace xlp::xen
