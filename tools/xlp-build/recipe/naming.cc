// SPDX-License-Identifier: GPL-2.0-only
// What a commit's message says of advisories.
#include "tools/xlp-build/recipe/git.h"

#include <regex>
#include <sstream>

namespace xlp::build {

namespace {

// "XSA-425", "CVE-2022-42330", and what may stand between them in a sentence that says what the
// commit is: "This is XSA-425/CVE-2022-42330.", "This is CVE-2016-9378 / part of XSA-196.",
// "This is part of CVE-2026-62426 / XSA-499.", "This is CVE-2016-9379 and CVE-2016-9380 / XSA-198."
// "Everything together is XSA-501."
const std::regex& says_what_it_is() {
    static const std::regex form(
        R"(\s*(?:this is|part of|everything together is)(?: (?:a )?part of)?)"
        R"((?:[ ,/&]|and|part of|(?:xsa|cve)-[0-9-]+)+\.?\s*)",
        std::regex::icase);
    return form;
}

template <class F>
void each(const std::string& line, const char* pattern, F&& take) {
    const std::regex form(pattern, std::regex::icase);
    for (std::sregex_iterator it(line.begin(), line.end(), form), end; it != end; ++it)
        take((*it)[1].str());
}

std::string upper(std::string text) {
    for (char& c : text)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

} // namespace

Naming read_naming(const std::string& message) {
    Naming n;
    std::istringstream in(message);
    for (std::string line; std::getline(in, line);) {
        const bool is = std::regex_match(line, says_what_it_is());
        each(line, "xsa-([0-9]{1,5})", [&](const std::string& number) {
            (is ? n.advisories : n.mentioned).insert(static_cast<unsigned>(std::stoul(number)));
        });
        if (is)
            each(line, "(cve-[0-9]{4}-[0-9]{4,})",
                 [&](const std::string& cve) { n.cves.insert(upper(cve)); });
    }
    for (unsigned number : n.advisories)
        n.mentioned.erase(number);
    return n;
}

} // namespace xlp::build
