// SPDX-License-Identifier: GPL-2.0-only
// The verbs of `xlp`.
#pragma once

#include "payload/base/json.h"
#include "tools/common/cli.h"
#include "tools/xlp/disk/config.h"
#include "tools/xlp/verbs/session.h"

namespace xlp::host {

cli::Tool tool(const Machine&); // keeps a reference

cli::Verb list_verb(const Machine&);
cli::Verb upload_verb(const Machine&);
cli::Verb action_verb(const Machine&, Action);
cli::Verb load_verb(const Machine&);
cli::Verb install_verb(const Machine&);
cli::Verb sync_verb(const Machine&);
cli::Verb verify_verb(const Machine&);
cli::Verb status_verb(const Machine&);
cli::Verb settle_verb(const Machine&);
cli::Verb index_verb(const Machine&);

// --store, and the folder that it, or else the configuration, names.
void add_store_option(cli::po::options_description&);
std::filesystem::path store_folder(const Machine&, const Config&, const cli::po::variables_map&);

// A payload as in the documents of list and status.
Json to_json(const Payload&);
// `.modinfo` on one line: "key=value;key=value", as xen-livepatch shows it.
std::string metadata_line(const std::string& metadata);

} // namespace xlp::host
