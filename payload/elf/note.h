// SPDX-License-Identifier: GPL-2.0-only
// ELF notes, as far as build-ids need them.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/object.h"

#include <optional>
#include <string>

namespace xlp::elf {

using BuildId = Bytes;

// The description of the first note in a section, if it is a GNU build-id and well-formed. Reads
// as Xen's xen_build_id_check() does (xen/common/version.c): only the first note counts.
std::optional<BuildId> build_id_of_note(View section);

// A complete note section that holds `id`.
Bytes make_build_id_note(const BuildId& id);

// The build-id in .note.gnu.build-id (or .note, .notes of an image), if any.
std::optional<BuildId> build_id(const Object&);

} // namespace xlp::elf
