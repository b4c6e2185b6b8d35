// SPDX-License-Identifier: GPL-2.0-only
// What the passes work on; each fills in its part.
#pragma once

#include "payload/match/match.h"
#include "payload/match/tables.h"
#include "payload/match/trampoline.h"
#include "payload/pipeline/pipeline.h"

#include <deque>
#include <map>
#include <optional>

namespace xlp::pipeline {

struct Context {
    Context(std::vector<ObjectPair> p, const xen::Image& i, Options o)
        : pairs(std::move(p)), image(i), options(std::move(o)) {}

    std::vector<ObjectPair> pairs;
    const xen::Image& image;
    Options options;

    Needs needs; // of the passes since the last stop
    std::map<Need, atom::Module> supplied;

    diff::Program program; // read, compare
    std::unique_ptr<SourceLines> lines = std::make_unique<SourceLines>();
    std::vector<match::Match> matches;             // match: of each original that was compiled
    std::optional<diff::Binder> binder;            // select
    diff::Selection selection;                     // select
    std::vector<std::vector<atom::AtomId>> wanted; // old code: atoms of each match, replaced ones
    std::optional<match::Tables> tables;           // trampolines
    std::vector<match::Site> sites;                // trampolines: where jumps are to be put
    std::map<xen::Address, Bytes> expectations;    // trampolines: by the old function's address
    diff::Account account;                         // account
    emit::Payload payload;                         // emit
    load::Verdict verdict;                         // load
    bool partial = false;                          // judge
    Findings findings;
};

} // namespace xlp::pipeline
