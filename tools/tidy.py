#!/usr/bin/env python3
"""The house rules that a compiler does not know. Run by `make tidy`, the gate and the commit hook.

    tools/tidy.py [FILE...]      check these files, or every file that git knows
    tools/tidy.py --headers      each header compiles alone
    tools/tidy.py --clang-tidy   clang-tidy over core, store and engine
    tools/tidy.py --rules        the rules, one a line

A finding reads `file:line: rule: what; why; fix`. Where a rule makes a place worse, say so there:

    // tidy: <rule> because <reason>      on the line, or on the line above

For a rule about the whole file the remark stands in its first fifteen lines, for long-function
inside the function or just above it. A remark that excuses nothing is itself a finding.
"""
import argparse
import os
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

Finding = namedtuple("Finding", "path line rule message")

MAX_FILE, MAX_FUNCTION, MAX_LINE, HEAD = 600, 70, 100, 15

# Which layer may include which. CMakeLists.txt states the same table as link directions.
BELOW_ENGINE = {"base", "core", "store", "remote"}
LAYERS = {
    "base": set(),
    "core": {"base"},
    "store": {"base", "core"},
    "remote": {"base", "core"},
    "actions": {"base", "core", "remote"},
    "worker": {"base", "core", "remote", "actions"},
    "engine": BELOW_ENGINE,
    "library": BELOW_ENGINE | {"engine", "server", "worker", "actions"},
    "server": BELOW_ENGINE | {"engine"},
    "cli": BELOW_ENGINE | {"engine", "server", "worker", "actions"},
}

# rule -> (why, how to fix it). The checks below name the rule and say what they found.
RULES = {
    "layer": ("a layer sees only what stands below it", "move the code down, or invert the call"),
    "include-root": ("one spelling for each include", 'write it from src/, as "core/spec.h"'),
    "pure-core": ("core has no I/O, threads or clock", "pass what it needs as an argument"),
    "heavy-header": ("every includer pays for it", "include it in one .cc"),
    "using-namespace": ("it leaks into every includer", "name what you use"),
    "file-length": (f"a file has at most {MAX_FILE} lines", "split it by noun"),
    "long-function": (f"a function has at most {MAX_FUNCTION} lines", "name its steps"),
    "line-length": (f"a line has at most {MAX_LINE} columns", "run make format"),
    "whitespace": ("diffs show only what changed", "run make format"),
    "banned-call": ("it is unsafe, or hides a shell", "see the replacement named here"),
    "sleep": ("a test that sleeps is slow, and flaky", "wait for the event, or move a fake clock"),
    "clock": ("time comes from a Clock&", "take a Clock&; only base/clock.cc asks the system"),
    "random": ("randomness is seeded", "take a Random&; only base/random.cc asks the system"),
    "exception": ("expected failures are values", "return a Result, or say `// adapter:` on top"),
    "coroutine": ("GCC 12 miscompiles some; they belong at the edge", "use a state machine"),
    "unfinished": ("unfinished work is not in the tree", "finish it, or open an issue"),
    "header-comment": ("a header explains itself", "begin with 2+ lines: what it is, and why"),
    "pragma-once": ("headers may be included twice", "add #pragma once"),
    "file-name": ("a file is named after one noun, snake_case", "rename it after what it holds"),
    "machine-path": ("the tree builds anywhere", "make the path relative, or an argument"),
    "conflict": ("a merge was left half done", "resolve it"),
    "idle-remark": ("a remark that excuses nothing misleads", "remove it"),
}

C_LIKE = {".cc", ".h"}
CODE = C_LIKE | {".py", ".sh", ".sql", ".ts", ".tsx", ".cmake"}
SKIP_DIRS = ("build/", "ui/node_modules/", "ui/dist/", "tests/golden/", "tests/corpus/")
SELF = {"tools/tidy.py", "tools/tidy_test.py"}  # they spell out what they forbid

# (pattern, what to use instead). A call through an object, `x.system(`, is somebody else's name.
OWN = r"(?<![\w.>:])(?:std::|::)?"
BANNED = [(re.compile(OWN + call + r"\s*\("), instead) for call, instead in [
    (r"system", "an argument vector through the process seam"),
    (r"popen", "an argument vector through the process seam"),
    (r"v?sprintf", "snprintf or std::string"),
    (r"str(?:n?cpy|n?cat)", "std::string"),
    (r"strtok", "a split over string_view"),
    (r"gets", "std::getline or read"),
    (r"(?:tmpnam|tempnam|mktemp)", "mkstemp or mkdtemp"),
    (r"(?:atoi|atol|atoll|atof)", "std::from_chars, which reports errors"),
    (r"(?:gmtime|localtime|ctime|asctime)", "calendar chrono, or the _r variant"),
    (r"assert", "PAWL_ASSERT, which stays on in release"),
]] + [(re.compile(r"std::regex\b|<regex>"), "a hand-written match: <regex> is slow and recursive")]
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.>])sleep\s*\(")
WALL_CLOCK = re.compile(r"\b(?:system_clock::now|clock_gettime|gettimeofday)\b"
                        r"|(?<![\w.>])time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)")
STEADY_CLOCK = re.compile(r"\b(?:steady_clock|high_resolution_clock)::now\b")
RANDOM = re.compile(r"\b(?:random_device|mt19937(?:_64)?|default_random_engine|RAND_bytes)\b"
                    r"|(?<![\w.>:])(?:std::|::)?s?rand\s*\(|\b(?:getrandom|arc4random)\s*\(")
EXCEPTION = re.compile(r"\bthrow\b|\bcatch\s*\(|\btry\s*\{")
COROUTINE = re.compile(r"\bco_(?:await|yield|return)\b")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+|tmp/\w+\.\d+)/")
IMPURE = re.compile(r"#include\s*<(?:thread|mutex|shared_mutex|condition_variable|future|atomic|"
                    r"fstream|iostream|filesystem|random|(?:unistd|fcntl|pthread|sys/\w+)\.h)>")
INCLUDE = re.compile(r'^\s*#include\s*"([^"]+)"')
ANGLED = re.compile(r"^\s*#include\s*<([^/>]+)/")
REMARK = re.compile(r"(?://|#|--)\s*tidy: ([a-z-]+) because \S.{8,}")
BAD_NAME = re.compile(r"manager|helper|util|^handle_|^process_")


def blank(match):
    """Spaces of the same shape, so that line numbers and columns stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


LEXEMES = re.compile(r'R"([^\s()\\]{0,16})\(.*?\)\1"'     # raw string
                     r'|"(?:\\.|[^"\\\n])*"'              # string
                     r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"  # character, not a digit separator
                     r"|//[^\n]*|/\*.*?\*/", re.S)


def bare_code(text):
    """C++ without the insides of comments, strings and characters; #include lines are kept."""
    def strip(match):
        token = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and text[line_start:match.start()].lstrip().startswith("#include"):
            return token
        return blank(match)
    return LEXEMES.sub(strip, text)


def long_functions(code):
    """Yields (first line, last line) of every function body longer than the limit.

    A heuristic over braces: a body is a `{` at namespace or class level whose header has
    parentheses and, outside of them, no `=`.
    """
    stack, header, line = [], "", 1
    for char in code:
        if char == "\n":
            line += 1
            # A preprocessor line is no part of a header.
            if header.lstrip().startswith("#"):
                header = ""
            else:
                header += " "
        elif char == "{":
            at_scope = all(kind == "scope" for kind, _, _ in stack)
            if header.count("(") > header.count(")"):
                stack.append(("argument", line, header))  # f(T t = {}): the header goes on
            else:
                stack.append((scope_kind(header) if at_scope else "block", line, ""))
            header = ""
        elif char == "}":
            kind, first, before = stack.pop() if stack else ("block", line, "")
            if kind == "function" and line - first + 1 > MAX_FUNCTION:
                yield first, line
            header = AFTER_BODY if kind == "function" else before
        elif char == ";":
            header = ""
        else:
            header += char


AFTER_BODY = "\1"  # begins a header that follows a closed body: that body may have been `a_{1}`


def scope_kind(header):
    """What the `{` after this header opens: a scope, a function, or some other block."""
    text = header.strip()
    if text.startswith(AFTER_BODY):
        text = text[1:].strip()
        if text == "" or text.startswith(","):
            return "function"  # the next member of a constructor, or its body
    text = re.sub(r"operator\s*(?:\(\)|[^\w\s()]+)", "operator", text)
    flat = None
    while flat != text:
        flat, text = text, re.sub(r"\([^()]*\)", "@", re.sub(r"<[^<>]*>", "", text))
    if re.match(r"(?:template\s*)?(?:typedef\s+)?(?:class|struct|union|enum)\b", text):
        return "scope"
    if re.match(r"(?:inline\s+)?(?:namespace|extern)\b", text) and "@" not in text:
        return "scope"
    return "function" if "@" in text and "=" not in text else "block"


class File:
    """One file under check: its text, where it stands, and the remarks that excuse it."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.name = os.path.basename(path)
        self.suffix = os.path.splitext(path)[1]
        self.is_cpp = self.suffix in C_LIKE
        parts = path.split("/")
        self.layer = parts[1] if parts[0] == "src" and len(parts) > 2 else None
        self.top = parts[0]
        stem = os.path.splitext(self.name)[0]
        self.is_test = stem.endswith(("_test", "_testing", "_fuzz")) or self.top == "tests"
        self.code_lines = bare_code(text).split("\n") if self.is_cpp else []
        self.findings = []
        self.remarks = {}
        self.used = set()
        for number, line in enumerate(self.lines, 1):
            match = REMARK.search(line)
            if match:
                self.remarks[number] = match.group(1)

    def report(self, line, rule, what, first=None, last=None):
        """Notes a finding unless a remark between `first` and `last` excuses it.

        By default that is the line itself and the comment lines just above it.
        """
        if first is None:
            first = line
            while first > 1 and self.lines[first - 2].lstrip().startswith(("//", "#", "--")):
                first -= 1
        last = line if last is None else last
        for number, name in self.remarks.items():
            if name == rule and first <= number <= last:
                self.used.add(number)
                return
        why, fix = RULES[rule]
        self.findings.append(Finding(self.path, line, rule, f"{what.rstrip(';')}; {why}; {fix}"))

    def report_file(self, rule, what, line=1):
        self.report(line, rule, what, 1, HEAD)

    def idle_remarks(self):
        for number, name in self.remarks.items():
            if number not in self.used:
                what = f"nothing here breaks '{name}'" if name in RULES else f"no rule '{name}'"
                why, fix = RULES["idle-remark"]
                yield Finding(self.path, number, "idle-remark", f"{what}; {why}; {fix}")


# -- Checks: each takes a File and reports what it finds. ------------------------------------------

def check_includes(file):
    allowed = LAYERS.get(file.layer)
    for number, line in enumerate(file.code_lines, 1):
        match = INCLUDE.match(line)
        if match:
            check_own_include(file, number, match.group(1), allowed)
        match = ANGLED.match(line)
        if match and file.top in ("apps", "include") and match.group(1) in LAYERS:
            file.report(number, "layer", f"{file.top} includes <{match.group(1)}/...>, not public")
        if file.layer == "core" and not file.is_test and IMPURE.search(line):
            file.report(number, "pure-core", line.strip())
        if file.suffix == ".h" and re.search(r"#include\s*<(?:iostream|boost/(?!.*fwd))", line):
            file.report(number, "heavy-header", line.strip())
        if file.suffix == ".h" and re.match(r"\s*using namespace\b", line):
            file.report(number, "using-namespace", line.strip())


def check_own_include(file, number, target, allowed):
    first = target.split("/")[0]
    if "/" not in target or first in (".", ".."):
        file.report(number, "include-root", f'"{target}" is relative')
    elif file.top in ("apps", "include") and first != "pawl" and first in LAYERS:
        file.report(number, "layer", f"{file.top} includes {first}, which is not public")
    elif file.top == "apps" and first not in ("pawl", "common", file.path.split("/")[1]):
        file.report(number, "layer", f"an app includes {first}, which is not its own")
    elif allowed is not None and first in LAYERS and first != file.layer and first not in allowed:
        file.report(number, "layer", f"{file.layer} includes {first}")


def check_calls(file):
    adapter = any("// adapter:" in line for line in file.lines[:HEAD])
    at_edge = file.layer in ("server", "worker")
    in_bench = file.top == "bench"
    for number, line in enumerate(file.code_lines, 1):
        for pattern, instead in BANNED:
            found = pattern.search(line)
            if found:
                called = found.group(0).rstrip("( ")
                file.report(number, "banned-call", f"{called}, use {instead}")
        if file.is_test and SLEEP.search(line):
            file.report(number, "sleep", line.strip())
        if not file.path.startswith("src/base/clock.") and not in_bench:
            if WALL_CLOCK.search(line) or (file.top != "tests" and STEADY_CLOCK.search(line)):
                file.report(number, "clock", line.strip())
        if not file.path.startswith("src/base/random.") and not in_bench and RANDOM.search(line):
            file.report(number, "random", line.strip())
        if not adapter and not file.is_test and EXCEPTION.search(line):
            file.report(number, "exception", line.strip())
        if not at_edge and COROUTINE.search(line):
            file.report(number, "coroutine", line.strip())


def check_functions(file):
    for first, last in long_functions("\n".join(file.code_lines)):
        file.report(first, "long-function", f"{last - first + 1} lines", first - 3, last)


def check_header(file):
    if file.suffix != ".h":
        return
    head = file.lines[:HEAD]
    comment = [line for line in head if line.lstrip().startswith(("//", "/*", "*"))]
    if len(comment) < 2:
        file.report_file("header-comment", f"{len(comment)} lines of comment in the first {HEAD}")
    if not any(line.strip() == "#pragma once" for line in file.lines):
        file.report_file("pragma-once", "it is missing")


def check_name(file):
    stem, ext = os.path.splitext(file.name)
    if file.is_cpp and not re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", stem):
        file.report_file("file-name", f"'{file.name}' is not snake_case")
    if (ext in CODE or file.top == "tools") and BAD_NAME.search(stem.lower()):
        file.report_file("file-name", f"'{file.name}' says how, not what")
    if file.top == "src" and ext in (".cpp", ".cxx", ".hpp", ".hh"):
        file.report_file("file-name", f"'{file.name}' is not a .cc or .h")


def check_lines(file):
    is_script = file.text.startswith("#!")
    if file.suffix in CODE or is_script or file.name in ("Makefile", "CMakeLists.txt"):
        count = len(file.lines) - (file.lines[-1] == "")
        if count > MAX_FILE:
            file.report_file("file-length", f"{count} lines")
        for number, line in enumerate(file.lines, 1):
            if len(line) > MAX_LINE and "://" not in line:
                file.report(number, "line-length", f"{len(line)} columns")
            if line != line.rstrip():
                file.report(number, "whitespace", "white space at the end")
            if "\t" in line and file.name != "Makefile" and file.suffix in CODE:
                file.report(number, "whitespace", "a tab")
        if file.text and not file.text.endswith("\n"):
            file.report(len(file.lines), "whitespace", "no newline at the end")


def check_words(file):
    if file.path in SELF:
        return
    for number, line in enumerate(file.lines, 1):
        found = UNFINISHED.search(line)
        if found:
            file.report(number, "unfinished", found.group(0))
        found = MACHINE_PATH.search(line)
        if found:
            file.report(number, "machine-path", found.group(0))
        if re.match(r"(?:<{7}|>{7}) ", line):
            file.report(number, "conflict", line[:7])


def check_text(path, text):
    """All findings of one file, given its path from the top of the tree."""
    file = File(path, text)
    checks = [check_lines, check_words, check_name]
    if file.is_cpp:
        checks += [check_includes, check_calls, check_functions, check_header]
    for check in checks:
        check(file)
    # This tool and its test quote remarks that are none.
    idle = [] if path in SELF else file.idle_remarks()
    return sorted(file.findings + list(idle), key=lambda found: (found.line, found.rule))


# -- Running ---------------------------------------------------------------------------------------

def tree_files(root):
    """Every file that git tracks or would, below root."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout
    names = sorted(name for name in listed.decode().split("\0") if name)
    return [name for name in names if (root / name).is_file() and not (root / name).is_symlink()]


def check_files(root, names):
    findings, checked = [], 0
    for name in names:
        if name.startswith(SKIP_DIRS):
            continue
        try:
            text = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        checked += 1
        findings += check_text(name, text)
    return findings, checked


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--clang-tidy", action="store_true")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    if args.rules:
        for rule, (why, fix) in RULES.items():
            print(f"{rule:16} {why}; {fix}")
        return 0
    names = [os.path.relpath(Path(f).resolve(), root) for f in args.files] or tree_files(root)
    if args.headers or args.clang_tidy:
        import tidy_compile  # only here: it needs compilers
        check = tidy_compile.check_headers if args.headers else tidy_compile.check_clang_tidy
        return check(root, names, args.jobs)
    findings, checked = check_files(root, names)
    for found in findings:
        print(f"{found.path}:{found.line}: {found.rule}: {found.message}")
    print(f"tidy: {checked} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
