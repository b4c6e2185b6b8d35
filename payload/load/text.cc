// SPDX-License-Identifier: GPL-2.0-only
// Words for the model's values.
#include "payload/load/model.h"

#include <cerrno>
#include <cstdlib>
#include <fmt/format.h>

namespace xlp::load {

const char* name_of(Stage s) {
    switch (s) {
    case Stage::upload:
        return "upload";
    case Stage::header:
        return "ELF header";
    case Stage::sections:
        return "sections";
    case Stage::section_names:
        return "section names";
    case Stage::symbol_names:
        return "symbol names";
    case Stage::hypervisor_id:
        return "hypervisor's build-id";
    case Stage::placement:
        return "placement";
    case Stage::symbols:
        return "symbols";
    case Stage::relocations:
        return "relocations";
    case Stage::special_sections:
        return "special sections";
    case Stage::patching_sections:
        return "patching sections";
    case Stage::functions:
        return "function records";
    case Stage::hooks:
        return "hooks";
    case Stage::notes:
        return "build-id notes";
    case Stage::bug_frames:
        return "bug frames";
    case Stage::alternatives:
        return "alternatives";
    case Stage::alternative_calls:
        return "alternative calls";
    case Stage::exception_table:
        return "exception table";
    case Stage::metadata:
        return "metadata";
    case Stage::symbol_table:
        return "symbol table";
    case Stage::protection:
        return "protection";
    case Stage::dependency:
        return "dependency";
    case Stage::expectations:
        return "expectations";
    case Stage::apply:
        return "application";
    case Stage::revert:
        return "reversion";
    }
    return "";
}

const char* name_of(Outcome o) {
    switch (o) {
    case Outcome::accepted:
        return "accepted";
    case Outcome::refused:
        return "refused";
    case Outcome::fatal:
        return "fatal";
    }
    return "";
}

const char* name_of(Region r) {
    switch (r) {
    case Region::text:
        return "text";
    case Region::rw:
        return "data";
    case Region::ro:
        return "read-only";
    }
    return "";
}

std::string errno_text(int error) {
    switch (std::abs(error)) {
    case 0:
        return "0";
    case ENOENT:
        return "ENOENT";
    case ENOMEM:
        return "ENOMEM";
    case EFAULT:
        return "EFAULT";
    case EBUSY:
        return "EBUSY";
    case EEXIST:
        return "EEXIST";
    case EINVAL:
        return "EINVAL";
    case ENOSPC:
        return "ENOSPC";
    case ERANGE:
        return "ERANGE";
    case ENODATA:
        return "ENODATA";
    case EOVERFLOW:
        return "EOVERFLOW";
    case EOPNOTSUPP:
        return "EOPNOTSUPP";
    default:
        return fmt::format("error {}", std::abs(error));
    }
}

} // namespace xlp::load
