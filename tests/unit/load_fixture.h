// SPDX-License-Identifier: GPL-2.0-only
// The sample payload, loaded onto a small hypervisor.
#pragma once

#include "load_fake_xen.h"
#include "payload/base/bytes.h"
#include "payload/load/model.h"

#include <gtest/gtest.h>

namespace xlp::load {

// Tests begin with the good sample, change it as an object or as bytes, and look at the verdict.
class Loader : public testing::Test {
protected:
    static constexpr xen::Version latest{4, 22, 0};

    static sample::Target target() {
        return {FakeXen::build_id(), "old_function", 64, "second_function", 32, {}};
    }
    void make() { bytes = sample::bytes_of(builder); }
    // The sample as this version takes it, for this version.
    void make_for(xen::Version v) {
        version = v;
        sample::Target t = target();
        t.shape = sample::shape_of(v);
        builder = sample::make(t);
        make();
    }
    sample::Raw raw() { return sample::Raw(bytes); }

    Verdict load_on(xen::Version version, bool ibt = true);
    Verdict load_it() { return load_on(version); }
    // Uploads and applies a payload that replaces nothing but what the stack tests need.
    std::shared_ptr<const Loaded> load_below(const Bytes&, const std::string& name);

    xen::Version version{4, 17, 5};
    sample::Builder builder = sample::make(target());
    Bytes bytes = sample::bytes_of(builder);
    Options options;
};

bool has_finding(const Verdict&, std::string_view code);

// The upload is refused in that stage with that errno, and Xen says what contains `log`.
void expect_refused(const Verdict&, Stage, int error, std::string_view log,
                    std::string_view code = {});
void expect_fatal(const Answer&, Stage);

} // namespace xlp::load
