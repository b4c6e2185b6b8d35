// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/console.h"

#include "tools/xlp-qa/scenario/guest.h"

namespace xlp::qa {

namespace {

constexpr std::string_view xen_prefix = "(XEN) ";
// a line of Xen's without text ends in the bare prefix; terminals' line ends strip its space
constexpr std::string_view bare_xen_prefix = "(XEN)";

constexpr std::size_t longest_line = 64 * 1024; // a guest gone wild must not fill our memory

} // namespace

std::vector<Line> LineReader::feed(std::string_view bytes) {
    std::vector<Line> lines;
    for (char c : bytes) {
        if (c == '\n' || pending_.size() >= longest_line) {
            finish(pending_, lines);
            pending_.clear();
        }
        if (c != '\n' && c != '\r' && c != '\0')
            pending_ += c;
    }
    return lines;
}

void LineReader::finish(std::string_view line, std::vector<Line>& out) {
    if (line == bare_xen_prefix) {
        out.push_back({Speaker::hypervisor, {}});
        return;
    }
    if (std::size_t xen = line.find(xen_prefix); xen != line.npos) {
        held_ += line.substr(0, xen);
        out.push_back({Speaker::hypervisor, std::string(line.substr(xen + xen_prefix.size()))});
        return;
    }
    std::string whole = held_ + std::string(line);
    held_.clear();
    std::size_t ours = whole.find(marker);
    if (ours == whole.npos) {
        if (!whole.empty())
            out.push_back({Speaker::other, std::move(whole)});
        return;
    }
    if (ours > 0)
        out.push_back({Speaker::other, whole.substr(0, ours)});
    out.push_back({Speaker::driver, whole.substr(ours + std::string_view(marker).size())});
}

} // namespace xlp::qa
