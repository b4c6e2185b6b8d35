// SPDX-License-Identifier: GPL-2.0-only
// A matrix as JUnit XML. A test that proves nothing is skipped, not passed.
#include "tools/common/xml.h"
#include "tools/xlp-build/matrix/run.h"

#include <fmt/format.h>

namespace xlp::build {

namespace {

struct JunitCount {
    std::size_t cases = 0, failures = 0, skipped = 0;
};

void append_fix(pugi::xml_node suite, const MatrixRow& r, JunitCount& count) {
    const std::string words = words_of(r).first;
    pugi::xml_node c = xml::child(suite, "testcase");
    xml::set(c, "classname", r.about.branch);
    xml::set(c, "name", r.about.name);
    ++count.cases;
    if (!r.good()) {
        xml::set(xml::child(c, "failure", r.why), "message", words);
        ++count.failures;
    } else if (r.verdict != "payload") {
        xml::set(xml::child(c, "skipped"), "message", r.why.empty() ? words : words + ": " + r.why);
        ++count.skipped;
    }
}

void append_test(pugi::xml_node suite, const MatrixRow& r, const TestResult& t, JunitCount& count) {
    pugi::xml_node c = xml::child(suite, "testcase");
    xml::set(c, "classname", r.about.branch + "." + r.about.name);
    xml::set(c, "name", t.test);
    ++count.cases;
    const std::string proof = t.why.empty() ? t.proof : t.proof + ": " + t.why;
    if (t.proof == "open") {
        xml::set(xml::child(c, "failure"), "message", proof);
        ++count.failures;
    } else if (t.proof != "closed") {
        xml::set(xml::child(c, "skipped"), "message", proof);
        ++count.skipped;
    }
    if (!t.before.end.empty())
        xml::child(c, "system-out",
                   fmt::format("before: {}\napplied: {}\nreverted: {}", words_of_end(t.before),
                               words_of_end(t.applied), words_of_end(t.reverted)));
}

} // namespace

std::string junit(const std::vector<MatrixRow>& rows) {
    pugi::xml_document doc;
    pugi::xml_node suite = xml::root(doc, "testsuite");
    JunitCount count;
    for (const MatrixRow& r : rows) {
        append_fix(suite, r, count);
        for (const TestResult& t : r.xtf)
            if (t.ran())
                append_test(suite, r, t, count);
    }
    xml::set(suite, "name", "matrix");
    xml::set(suite, "tests", std::to_string(count.cases));
    xml::set(suite, "failures", std::to_string(count.failures));
    xml::set(suite, "skipped", std::to_string(count.skipped));
    return xml::text(doc);
}

} // namespace xlp::build
