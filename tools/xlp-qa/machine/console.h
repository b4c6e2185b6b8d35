// SPDX-License-Identifier: GPL-2.0-only
// The serial line, which Xen, the dom0 kernel and our driver in dom0 share: cut into lines, each
// with its speaker.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xlp::qa {

enum class Speaker {
    hypervisor, // "(XEN) ..."
    driver,     // ours: guest.h
    other       // the dom0 kernel, programs, Xen's boot banner
};

struct Line {
    Speaker speaker = Speaker::other;
    std::string text; // without the speaker's prefix and line end
};

class LineReader {
public:
    // Lines completed by these bytes. Xen prints when it likes: where one of its lines breaks into
    // another speaker's, that one is joined again.
    std::vector<Line> feed(std::string_view bytes);

    // What is there of a last line without its end.
    const std::string& rest() const { return pending_; }

private:
    void finish(std::string_view line, std::vector<Line>& out);

    std::string pending_; // the line that is being read
    std::string held_;    // a beginning that a line of Xen's cut off
};

} // namespace xlp::qa
