// SPDX-License-Identifier: GPL-2.0-only
// Numbers that follow from a seed, the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xlp::generator {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() { // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 to n-1.
    std::size_t below(std::size_t n) { return n ? next() % n : 0; }
    int between(int first, int last) { return first + static_cast<int>(below(last - first + 1)); }
    bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
    template <class List>
    auto& pick(List& list) {
        return list[below(list.size())];
    }

private:
    std::uint64_t state_;
};

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    return Random(a * 0x9e3779b97f4a7c15 + b + 1).next();
}

} // namespace xlp::generator
