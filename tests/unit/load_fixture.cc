// SPDX-License-Identifier: GPL-2.0-only
#include "load_fixture.h"
#include "payload/base/bytes.h"

namespace xlp::load {

Verdict Loader::load_on(xen::Version v, bool ibt) {
    return load(bytes, FakeXen(ibt).image(v), options);
}

std::shared_ptr<const Loaded> Loader::load_below(const Bytes& payload, const std::string& name) {
    Options o = options;
    o.name = name;
    Verdict v = load(payload, FakeXen().image(version), o);
    EXPECT_TRUE(v.good()) << (v.findings.empty() ? "" : v.findings.front().why);
    return v.loaded;
}

bool has_finding(const Verdict& v, std::string_view code) {
    for (const Finding& f : v.findings)
        if (f.code == code)
            return true;
    return false;
}

void expect_refused(const Verdict& v, Stage stage, int error, std::string_view log,
                    std::string_view code) {
    EXPECT_EQ(v.upload.outcome, Outcome::refused);
    EXPECT_STREQ(name_of(v.upload.stage), name_of(stage));
    EXPECT_EQ(errno_text(v.upload.error), errno_text(error));
    EXPECT_LT(v.upload.error, 0);
    EXPECT_EQ(v.upload.log.empty(), log.empty()) << v.upload.log;
    EXPECT_NE(v.upload.log.find(log), std::string::npos) << v.upload.log;
    EXPECT_TRUE(code.empty() || has_finding(v, code)) << code;
    EXPECT_FALSE(v.good());
}

void expect_fatal(const Answer& a, Stage stage) {
    EXPECT_EQ(a.outcome, Outcome::fatal);
    EXPECT_STREQ(name_of(a.stage), name_of(stage));
}

} // namespace xlp::load
