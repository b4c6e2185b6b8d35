// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor that a verb works with, as its command line names it.
#pragma once

#include "payload/xen/image.h"
#include "tools/common/cli.h"

namespace xlp::build {

// --xen-syms (required), --xen-version, --xen-efi and --efi-map.
void add_image_options(cli::po::options_description&);

// --xen-version, if it is given. Errors: usage.
Result<std::optional<xen::Version>> version_given(const cli::po::variables_map&);

// --efi-map without --xen-efi: only `verify' has a use for it.
enum class MapAlone { refused, taken };

// xen-syms, or with --xen-efi that program, with the names of its map: of --efi-map, or of the file
// FILE.map beside it or beside xen-syms. Errors: usage, image.*, efi.*, efi-map.*.
Result<xen::Image> read_image(const cli::po::variables_map&, MapAlone = MapAlone::refused);

} // namespace xlp::build
