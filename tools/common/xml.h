// SPDX-License-Identifier: GPL-2.0-only
// JUnit reports, as CI systems read them. pugixml does the markup; this keeps the text valid.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace xlp::xml {

// Each replaces what XML 1.0 cannot hold, and bytes that may not be UTF-8, with U+FFFD.
void set(pugi::xml_node, const char* name, std::string_view value);
pugi::xml_node child(pugi::xml_node, const char* name, std::string_view text = {});

// The root element of an empty document, after its XML declaration.
pugi::xml_node root(pugi::xml_document&, const char* name);
std::string text(const pugi::xml_document&);

} // namespace xlp::xml
