// SPDX-License-Identifier: GPL-2.0-only
// Names of payloads. Xen takes any 1 to 127 bytes; control characters would break every list, so
// payloads are not uploaded under such names, though those that others uploaded can be handled.
#pragma once

#include "payload/base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace xlp::host {

Result<void> check_name(const std::string& name);     // of a payload that is there
Result<void> check_new_name(const std::string& name); // of one to be uploaded

// The name that `load` gives: the file's, without its last extension, as xen-livepatch does.
std::string name_of_file(const std::filesystem::path&);

// Any text that a payload brings, for a line that people read: what could pass for another line, or
// turn what stands around it, is shown as \xNN or \uNNNN.
std::string printable(std::string_view text);

// Reversible and always ASCII, for files of our own: control and non-ASCII bytes and % as %NN.
std::string encode_name(const std::string& name);
std::string decode_name(const std::string& encoded);

} // namespace xlp::host
