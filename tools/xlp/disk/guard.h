// SPDX-License-Identifier: GPL-2.0-only
// The marker that is on disk while new code is put into effect. One that is found after a reboot
// says that the host died in between, and keeps `sync --boot` from doing it again.
#pragma once

#include "payload/base/result.h"
#include "tools/xlp/disk/paths.h"

#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

struct Crash {
    std::string operation, when;
    std::vector<std::string> payloads;
};

class Guard {
public:
    explicit Guard(Paths paths) : paths_(std::move(paths)) {}

    // On disk, synced, when it returns. A crash found is not forgotten by it.
    Result<void> set(const std::string& operation, const std::vector<std::string>& payloads) const;
    Result<void> clear() const; // this boot's marker; a crash found stays
    // A marker left by another boot. One of this boot was left by a killed xlp and says nothing.
    Result<std::optional<Crash>> crash() const;
    Result<void> forgive() const; // forgets the crash

private:
    Result<std::optional<Crash>> foreign(const std::filesystem::path&) const;
    Paths paths_;
};

} // namespace xlp::host
