// SPDX-License-Identifier: GPL-2.0-only
// The verbs of `xlp`.
#pragma once

#include "tools/common/cli.h"
#include "tools/xlp/session.h"

namespace xlp::host {

cli::Tool tool(const Machine&); // keeps a reference

cli::Verb list_verb(const Machine&);
cli::Verb upload_verb(const Machine&);
cli::Verb action_verb(const Machine&, Action);
cli::Verb load_verb(const Machine&);

// A payload as in the documents of list and status.
cli::Json to_json(const Payload&);
// `.modinfo` on one line: "key=value;key=value", as xen-livepatch shows it.
std::string metadata_line(const std::string& metadata);

} // namespace xlp::host
