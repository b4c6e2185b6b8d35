// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/xml.h"

#include <sstream>

namespace xlp::xml {

namespace {

std::string valid(std::string_view text) {
    std::string s;
    for (char c : text)
        if ((c >= ' ' && c < 127) || c == '\n' || c == '\t')
            s += c;
        else
            s += "\xef\xbf\xbd";
    return s;
}

} // namespace

void set(pugi::xml_node node, const char* name, std::string_view value) {
    node.append_attribute(name) = valid(value).c_str();
}

pugi::xml_node child(pugi::xml_node node, const char* name, std::string_view text) {
    pugi::xml_node made = node.append_child(name);
    if (!text.empty())
        made.text() = valid(text).c_str();
    return made;
}

pugi::xml_node root(pugi::xml_document& doc, const char* name) {
    pugi::xml_node declaration = doc.append_child(pugi::node_declaration);
    set(declaration, "version", "1.0");
    set(declaration, "encoding", "UTF-8");
    return doc.append_child(name);
}

std::string text(const pugi::xml_document& doc) {
    std::ostringstream out;
    doc.save(out, "  ");
    return out.str();
}

} // namespace xlp::xml
