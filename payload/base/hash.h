// SPDX-License-Identifier: GPL-2.0-only
// SHA-256, by OpenSSL.
#pragma once

#include "payload/base/bytes.h"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace xlp {

Bytes sha256(View);           // 32 bytes
std::string sha256_hex(View); // 64 digits

// SHA-256 over a sequence of parts, each preceded by its length: {"ab", "c"} and {"a", "bc"}
// differ. For keys of caches.
class KeyHash {
public:
    KeyHash();
    ~KeyHash();
    KeyHash(const KeyHash&) = delete;
    KeyHash& operator=(const KeyHash&) = delete;

    void add(std::string_view part);
    std::string hex(); // 64 digits; call it once

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string key_of(std::initializer_list<std::string_view> parts);

} // namespace xlp
