// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/compile/object.h"

#include "tools/common/process.h"
#include "tools/xlp-build/source/tree.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <sstream>
#include <unistd.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

bool has(const Recipe& r, std::string_view flag) {
    return std::find(r.compiler.begin(), r.compiler.end(), flag) != r.compiler.end();
}

Command compiler(const Recipe& recipe, const fs::path& tree, const Toolchain& toolchain) {
    Command c;
    c.directory = tree / recipe.directory;
    c.argv = words(toolchain.launcher);
    for (const std::string& w : recipe.compiler)
        c.argv.push_back(replace_all(w, tree_mark, tree.string()));
    c.argv.push_back(fmt::format("-ffile-prefix-map={}=.", tree.string()));
    c.argv.push_back("-w");
    return c;
}

// "file.c:12:5: error: text", the first of them.
Finding compiler_message(const Recipe& recipe, const std::string& output) {
    Where where{.source = "xen/" + recipe.source};
    std::string message;
    std::istringstream in(output);
    for (std::string line; std::getline(in, line) && message.empty();) {
        std::size_t at = line.find(": error: ");
        if (at == line.npos)
            at = line.find(": fatal error: ");
        if (at == line.npos)
            continue;
        message = line;
        std::size_t colon = line.find(':');
        auto [end, ec] = std::from_chars(line.data() + colon + 1, line.data() + at, where.line);
        if (ec == std::errc() && colon < at)
            where.source = (fs::path(recipe.directory) / line.substr(0, colon)).lexically_normal();
    }
    if (message.empty())
        message = output.substr(0, 2000);
    return environment(
        "compile.failed", fmt::format("{} does not compile: {}", recipe.source, message),
        "Check that source, configuration and compiler are the hypervisor's.", std::move(where));
}

// Removes a file when it goes out of scope.
struct Temporary {
    fs::path path;
    ~Temporary() {
        std::error_code ec;
        fs::remove(path, ec);
    }
};

Result<void> require(const Command& command, const Recipe& recipe, const std::stop_token& stop) {
    auto outcome = run_command(command, stop);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(compiler_message(recipe, outcome->err));
    return {};
}

} // namespace

bool splits_sections(const Recipe& recipe) {
    return !recipe.renames_sections()
           && !(has(recipe, "-ffunction-sections") && has(recipe, "-fdata-sections"));
}

Result<void> compile_object(const Recipe& recipe, const fs::path& tree, const fs::path& object,
                            const Toolchain& toolchain, const std::stop_token& stop,
                            Sections sections) {
    std::error_code ec;
    fs::create_directories(object.parent_path(), ec);
    Command compile = compiler(recipe, tree, toolchain);
    if (sections == Sections::split && splits_sections(recipe))
        for (const char* flag : {"-ffunction-sections", "-fdata-sections"})
            if (!has(recipe, flag))
                compile.argv.push_back(flag);
    if (!recipe.boot_code())
        compile.argv.push_back("-g");
    Temporary from{object.string() + fmt::format(".tmp{}", getpid())};
    compile.argv.insert(
        compile.argv.end(),
        {"-c", replace_all(recipe.argument, tree_mark, tree.string()), "-o", from.path.string()});
    if (auto r = require(compile, recipe, stop); !r)
        return r;
    for (const auto& step : recipe.steps) {
        Temporary to{from.path.string() + "x"};
        Command c;
        c.directory = tree / recipe.directory;
        c.argv = step;
        c.argv.insert(c.argv.end(), {from.path.string(), to.path.string()});
        if (auto r = require(c, recipe, stop); !r)
            return r;
        fs::rename(to.path, from.path, ec);
    }
    fs::rename(from.path, object, ec);
    if (ec)
        return fail(environment("file.write", "The object cannot be written: " + ec.message() + ".",
                                {}, {.file = object.string()}));
    return {};
}

Result<std::string> preprocess(const Recipe& recipe, const fs::path& tree,
                               const Toolchain& toolchain, const std::stop_token& stop) {
    Toolchain direct = toolchain;
    direct.launcher.clear(); // compiler caches do not keep this
    Command c = compiler(recipe, tree, direct);
    std::erase_if(c.argv, [](const std::string& w) { return w.starts_with("-Wa,"); });
    c.argv.insert(c.argv.end(), {"-Wno-builtin-macro-redefined", "-D__LINE__=0", "-E", "-P",
                                 replace_all(recipe.argument, tree_mark, tree.string())});
    auto outcome = run_command(c, stop);
    if (!outcome)
        return fail(outcome);
    if (!outcome->ok())
        return fail(compiler_message(recipe, outcome->err));
    return std::move(outcome->out);
}

} // namespace xlp::build
