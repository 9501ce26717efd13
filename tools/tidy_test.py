#!/usr/bin/env python3
"""Shows that every rule of tidy.py fires on what it forbids, and on nothing beside it."""
import unittest

import tidy

HEADER = "// What this is.\n// Why it exists.\n#pragma once\n"


def rules_of(path, text):
    """The names of the rules that a file breaks."""
    return [found.rule for found in tidy.check_text(path, text)]


def function_of(lines, head="int f(int a)"):
    return head + " {\n" + "  a += 1;\n" * (lines - 2) + "}\n"


class TidyTest(unittest.TestCase):
    seen = set()

    def assert_fires(self, rule, path, text):
        found = tidy.check_text(path, text)
        self.assertIn(rule, [f.rule for f in found], f"{path}:\n{text[:400]}")
        TidyTest.seen.add(rule)
        message = next(f.message for f in found if f.rule == rule)
        self.assertRegex(message, r"\S; \S.*; \S", "what; why; fix")

    def assert_clean(self, path, text):
        self.assertEqual([], tidy.check_text(path, text))


class Layers(TidyTest):
    def test_upward_includes(self):
        for layer, target in [("base", "core"), ("core", "store"), ("store", "engine"),
                              ("engine", "cli"), ("engine", "server"), ("actions", "store"),
                              ("actions", "worker"), ("worker", "engine"), ("remote", "store")]:
            self.assert_fires("layer", f"src/{layer}/x.cc", f'#include "{target}/y.h"\n')

    def test_downward_includes(self):
        for layer, target in [("core", "base"), ("store", "core"), ("engine", "store"),
                              ("worker", "actions"), ("cli", "worker"), ("core", "core")]:
            self.assert_clean(f"src/{layer}/x.cc", f'#include "{target}/y.h"\n')
        self.assert_clean("tests/x_test.cc", '#include "engine/y.h"\n')

    def test_apps_see_the_public_interface_only(self):
        self.assert_fires("layer", "apps/ctr/routes.cc", '#include "engine/loop.h"\n')
        self.assert_fires("layer", "apps/ctr/routes.cc", "#include <engine/loop.h>\n")
        self.assert_fires("layer", "apps/ctr/routes.cc", '#include "src/engine/loop.h"\n')
        self.assert_fires("layer", "apps/ctr/routes.cc", '#include "dataset/label.h"\n')
        self.assert_clean("apps/ctr/routes.cc", '#include "pawl/app.h"\n')
        self.assert_clean("apps/ctr/routes.cc", '#include "ctr/steps.h"\n#include <pawl/app.h>\n')

    def test_a_commented_include_does_not_count(self):
        self.assert_clean("src/base/x.cc", '// #include "core/y.h"\n')

    def test_rooted_includes(self):
        self.assert_fires("include-root", "src/core/x.cc", '#include "spec.h"\n')
        self.assert_fires("include-root", "src/core/x.cc", '#include "../base/id.h"\n')

    def test_core_is_pure(self):
        self.assert_fires("pure-core", "src/core/x.cc", "#include <thread>\n")
        self.assert_fires("pure-core", "src/core/x.cc", "#include <sys/stat.h>\n")
        self.assert_clean("src/core/x_test.cc", "#include <fstream>\n")
        self.assert_clean("src/base/x.cc", "#include <thread>\n")

    def test_headers_stay_light(self):
        self.assert_fires("heavy-header", "src/base/x.h", HEADER + "#include <iostream>\n")
        self.assert_fires("heavy-header", "src/base/x.h", HEADER + "#include <boost/asio.hpp>\n")
        self.assert_clean("src/base/x.h", HEADER + "#include <boost/json/fwd.hpp>\n")
        self.assert_fires("using-namespace", "src/base/x.h", HEADER + "using namespace std;\n")


class Sizes(TidyTest):
    def test_file_length(self):
        self.assert_fires("file-length", "src/base/x.cc", "int a;\n" * 601)
        self.assert_fires("file-length", "tools/deploy", "#!/bin/sh\n" + "true\n" * 600)
        self.assert_clean("src/base/x.cc", "int a;\n" * 600)
        self.assert_clean("docs/long.md", "word\n" * 900)

    def test_line_length(self):
        self.assert_fires("line-length", "src/base/x.cc", "// " + "x" * 98 + "\n")
        self.assert_clean("src/base/x.cc", "// " + "\u00e9" * 97 + "\n")
        self.assert_clean("src/base/x.cc", "// https://" + "x" * 98 + "\n")

    def test_function_length(self):
        self.assert_fires("long-function", "src/base/x.cc", function_of(71))
        self.assert_clean("src/base/x.cc", function_of(70))

    def test_function_shapes(self):
        for head in ["TEST_F(Loop, Drains)", "bool operator==(const A& a, const A& b)",
                     "template <class T = int>\nauto f(T t = {}) -> std::vector<T>",
                     "A::A(int a) : b_(a), c_{1}, d_(2)", "A::A(int a) : b_{a}",
                     "int operator()(int a) const noexcept(true)",
                     'extern "C" int run(const char* text)']:
            inside = "namespace pawl {\nclass A {\n" + function_of(71, head) + "};\n}\n"
            self.assert_fires("long-function", "src/base/x.cc", inside)

    def test_long_things_that_are_no_functions(self):
        for head in ["namespace pawl", "class A final : public B<int(int)>", "enum class E : int",
                     "constexpr Row kTable[] = ", "struct alignas(64) A", "inline namespace v1",
                     "template <class T>\nstruct A"]:
            self.assert_clean("src/base/x.cc", head + " {\n" + "// row\n" * 90 + "};\n")

    def test_braces_in_text_do_not_count(self):
        text = "int f() { return 1; }\n"
        noise = '// {\n/* { */\nconst char* s = "{";\nchar c = \'{\';\nauto r = R"({)";\n'
        self.assert_clean("src/base/x.cc", noise + text * 100)

    def test_digit_separators_are_no_characters(self):
        self.assert_fires("sleep", "src/base/x_test.cc", "int a = 1'000; sleep(1); int b = 2'0;\n")

    def test_whitespace(self):
        self.assert_fires("whitespace", "src/base/x.cc", "int a; \n")
        self.assert_fires("whitespace", "src/base/x.cc", "\tint a;\n")
        self.assert_fires("whitespace", "src/base/x.cc", "int a;")
        self.assert_clean("Makefile", "all:\n\ttrue\n")


class Calls(TidyTest):
    def test_banned_calls(self):
        for call in ["system(s)", "std::system(s)", "::popen(s, m)", "sprintf(b, f)", "gets(s)",
                     "vsprintf(b, f, a)", "strcpy(a, b)", "strncat(a, b, 1)", "strtok(a, b)",
                     "tmpnam(s)", "mktemp(s)", "atoi(s)", "gmtime(&t)", "assert(x)"]:
            self.assert_fires("banned-call", "src/base/x.cc", f"  {call};\n")
        self.assert_fires("banned-call", "src/base/x.cc", "#include <regex>\n")

    def test_allowed_calls(self):
        for call in ["snprintf(b, 1, f)", "file_system(x)", "os.system(x)", "os->system(x)",
                     "static_assert(x)", "gmtime_r(&t, &u)", "mkstemp(s)", "Os::system(x)"]:
            self.assert_clean("src/base/x.cc", f"  {call};\n")
        self.assert_clean("src/base/x.cc", '// system(x)\nauto s = "system(x)";\n')

    def test_sleep(self):
        for call in ["std::this_thread::sleep_for(1ms)", "usleep(1)", "sleep(1)", "nanosleep(a)"]:
            self.assert_fires("sleep", "src/base/x_test.cc", f"{call};\n")
            self.assert_fires("sleep", "tests/kill_test.cc", f"{call};\n")
        self.assert_clean("src/base/x_test.cc", "clock.sleep(1);\n")

    def test_clock(self):
        for call in ["std::chrono::system_clock::now()", "clock_gettime(a, &b)", "time(nullptr)",
                     "std::chrono::steady_clock::now()"]:
            self.assert_fires("clock", "src/engine/x.cc", f"auto t = {call};\n")
            self.assert_clean("src/base/clock.cc", f"auto t = {call};\n")
        self.assert_clean("tests/x_test.cc", "auto t = std::chrono::steady_clock::now();\n")
        self.assert_clean("src/core/x.cc", "auto t = start_time(0); run.time(0);\n")

    def test_random(self):
        for call in ["std::random_device{}()", "rand()", "std::mt19937 g", "RAND_bytes(a, 1)"]:
            self.assert_fires("random", "src/engine/x.cc", f"{call};\n")
            self.assert_clean("src/base/random.cc", f"{call};\n")
        self.assert_clean("src/engine/x.cc", "Random& random();\noperand(1);\n")

    def test_exceptions(self):
        for code in ["throw 1;", "try { f(); }", "catch (...) {}"]:
            self.assert_fires("exception", "src/engine/x.cc", code + "\n")
            self.assert_clean("src/engine/x.cc", "// adapter: the parser throws.\n" + code + "\n")
            self.assert_clean("src/engine/x_test.cc", code + "\n")
        self.assert_clean("src/engine/x.cc", "// We never throw.\nint retry;\n")

    def test_coroutines(self):
        self.assert_fires("coroutine", "src/engine/x.cc", "co_await f();\n")
        self.assert_clean("src/server/x.cc", "co_await f();\n")


class Words(TidyTest):
    def test_unfinished(self):
        for word in ["TODO", "FIXME", "XXX"]:
            self.assert_fires("unfinished", "src/base/x.cc", f"// {word}: later\n")
            self.assert_fires("unfinished", "docs/page.md", f"{word}\n")
        self.assert_clean("src/base/x.cc", "// mkdtemp wants XXXXXX at the end\n")

    def test_machine_paths(self):
        for path in ["/work/tree/x", "/tmp/jobs.0/3", "/root/x", "/home/ann/x"]:
            self.assert_fires("machine-path", "docs/page.md", f"see {path}\n")
        self.assert_clean("docs/page.md", "see build/work/x, ./root/y and example.com/work/z\n")

    def test_conflict(self):
        self.assert_fires("conflict", "docs/page.md", "<" * 7 + " HEAD\n")


class Headers(TidyTest):
    def test_comment_and_guard(self):
        self.assert_fires("header-comment", "src/base/x.h", "#pragma once\nint a;\n")
        self.assert_fires("pragma-once", "src/base/x.h", "// What.\n// Why.\nint a;\n")
        self.assert_clean("src/base/x.h", HEADER)


class Names(TidyTest):
    def test_file_names(self):
        for name in ["RunState.cc", "run-state.cc", "run_manager.cc", "string_util.cc",
                     "ssh_helper.cc", "handle_submit.cc", "process_run.cc", "run.cpp"]:
            self.assert_fires("file-name", f"src/core/{name}", "int a;\n")
        for name in ["run_state.cc", "process.cc", "sha256.cc", "run_state_test.cc"]:
            self.assert_clean(f"src/core/{name}", "int a;\n")


class Remarks(TidyTest):
    def test_a_reason_excuses(self):
        remark = "// tidy: banned-call because the shell is the point here"
        self.assert_clean("src/base/x.cc", f"{remark}\nsystem(s);\n")
        self.assert_clean("src/base/x.cc", f"{remark}\n// and goes on here.\nsystem(s);\n")
        self.assert_clean("src/base/x.cc", f"system(s);  {remark}\n")
        self.assert_clean("tools/x.py", "# tidy: line-length because it is a table\n" + "x" * 101 + "\n")

    def test_a_remark_reaches_one_line(self):
        remark = "// tidy: banned-call because the shell is the point here"
        self.assertIn("banned-call", rules_of("src/base/x.cc",
                                              f"{remark}\nsystem(s);\nsystem(s);\n"))

    def test_without_a_reason_it_excuses_nothing(self):
        self.assertIn("banned-call", rules_of("src/base/x.cc",
                                              "// tidy: banned-call because\nsystem(s);\n"))

    def test_function_and_file_remarks(self):
        remark = "// tidy: long-function because it is one table of cases\n"
        self.assert_clean("src/base/x.cc", remark + function_of(90))
        self.assert_clean("src/base/x.cc", function_of(90).replace("{\n", "{\n  " + remark, 1))
        remark = "// tidy: file-length because it is one table of cases\n"
        self.assert_clean("src/base/x.cc", remark + "int a;\n" * 700)

    def test_idle_remark(self):
        remark = "// tidy: {} because the shell is the point here\nint a;\n"
        self.assert_fires("idle-remark", "src/base/x.cc", remark.format("sleep"))
        self.assert_fires("idle-remark", "src/base/x.cc", remark.format("no-such-rule"))


class EveryRule(unittest.TestCase):
    """Runs the fixtures above once more, and fails when a rule fired in none of them."""

    def test_has_a_fixture(self):
        loader, unfired = unittest.TestLoader(), unittest.TestResult()
        for case in (Layers, Sizes, Calls, Words, Headers, Names, Remarks):
            loader.loadTestsFromTestCase(case).run(unfired)
        self.assertEqual(set(tidy.RULES), TidyTest.seen)


if __name__ == "__main__":
    unittest.main()
