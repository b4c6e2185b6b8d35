// SPDX-License-Identifier: GPL-2.0-only
// Payloads for the real loader and its model: the good sample, damaged field by field, and at
// random. The same target gives the same cases.
#pragma once

#include "payload/base/bytes.h"
#include "tests/unit/load_sample.h"

#include <functional>
#include <string>
#include <vector>

namespace xlp::differential {

struct Case {
    std::string name; // "symbols.xlp_new.common"
    Bytes bytes;
    bool reduced = false; // in the small set that runs in CI
};

class Cases {
public:
    explicit Cases(sample::Target target)
        : target_(std::move(target)), good_(sample::bytes_of(sample::make(target_))) {}

    const sample::Target& target() const { return target_; }
    const Bytes& good() const { return good_; }
    const std::vector<Case>& all() const { return all_; }

    // The sample with its bytes changed.
    void raw(const std::string& name, const std::function<void(const sample::Raw&)>& damage,
             bool reduced = false);
    // The sample made otherwise.
    void built(const std::string& name, const std::function<void(sample::Builder&)>& change,
               bool reduced = false);
    void bytes(const std::string& name, Bytes, bool reduced = false);

private:
    sample::Target target_;
    Bytes good_;
    std::vector<Case> all_;
};

void add_header_cases(Cases&);
void add_section_cases(Cases&);
void add_symbol_cases(Cases&);
void add_relocation_cases(Cases&);
void add_note_cases(Cases&);
void add_record_cases(Cases&);
void add_table_cases(Cases&);
void add_random_cases(Cases&, unsigned seed, unsigned count);

} // namespace xlp::differential
