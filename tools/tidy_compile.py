"""The two checks of tidy.py that need a compiler: headers alone, and clang-tidy.

Both are slow, so both remember what passed: build/tidy/<kind>/<hash> exists when a file passed
with exactly this text, these project headers below it, this tool and these settings. Only success
is remembered; a finding is found again.
"""
import hashlib
import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

# One: clang, without precompiled headers, builds the product's sources (preset asan).
COMPILERS = ["g++"]
FLAGS = ["-std=gnu++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
         "-Wno-missing-field-initializers", "-Isrc", "-Iinclude", "-Iapps", "-I."]
# What users include must also pass their compilers, in each standard they may ask for.
PUBLIC_COMPILERS = ["g++", "clang++-14"]
PUBLIC_FLAGS = [[f"-std={standard}", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow",
                 "-Werror", "-Iinclude"] for standard in ("c++20", "c++2b")]
CLANG_TIDY = "clang-tidy-14"
CLANG_TIDY_LAYERS = ("src/core/", "src/engine/", "src/store/")
FIRST_INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)


class Fingerprint:
    """Hashes a file together with every project header it reaches."""

    def __init__(self, root, salt):
        self.root, self.salt, self.reach_of = root, salt, {}

    def of(self, name):
        digest = hashlib.sha256(self.salt.encode())
        for reached in sorted(self.reach(name)):
            digest.update(reached.encode() + b"\0" + (self.root / reached).read_bytes())
        return digest.hexdigest()[:32]

    def reach(self, name):
        seen, todo = set(), [name]
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                todo += self.includes(current)
        return seen

    def includes(self, name):
        if name not in self.reach_of:
            targets = INCLUDE.findall((self.root / name).read_bytes())
            places = [f"{top}{target.decode()}" for target in targets
                      for top in ("src/", "include/", "apps/", "")]
            self.reach_of[name] = [place for place in places if (self.root / place).is_file()]
        return self.reach_of[name]


def version_of(tool):
    try:
        asked = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, check=True)
        return asked.stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit(f"tidy: {tool} is not here; tools/setup installs it")


def run_cached(root, kind, work, jobs):
    """Runs `command` (with `stdin`) for every (name, key, command, stdin) not yet known to pass."""
    cache = root / "build" / "tidy" / kind
    cache.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    todo = [item for item in work if not (cache / item[1]).exists()]

    def run(item):
        name, key, command, stdin = item
        done = subprocess.run(command, cwd=root, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode == 0:
            (cache / key).touch()
            return None
        return f"{name}: {kind}: {command[0]} refuses it\n{done.stdout.decode(errors='replace')}"

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        failures = [text for text in pool.map(run, todo) if text]
    for text in failures:
        print(text)
    print(f"{kind}: {len(work)} checks, {len(work) - len(todo)} known to pass, "
          f"{len(failures)} failed, {time.monotonic() - started:.1f} s")
    return 1 if failures else 0


def begins_its_source(root, name):
    """Whether x.cc is built without precompiled headers and includes x.h before all else.

    Then the asan preset's build is the proof that the header stands alone."""
    source = root / f"{name.removesuffix('.h')}.cc"
    if not name.startswith(("src/", "tests/sim/", "apps/")) or not source.is_file():
        return False
    first = FIRST_INCLUDE.search(source.read_bytes())
    own = name.removeprefix("src/").removeprefix("apps/")
    return bool(first) and first.group(1).decode() == own


def check_headers(root, names, jobs):
    """Each header compiles as if it were the only #include of a file."""
    tops = ("src/", "include/", "bench/", "tests/", "apps/")
    headers = [name for name in names if name.endswith(".h") and name.startswith(tops)
               and not begins_its_source(root, name)]
    work = []
    for compiler in COMPILERS:
        fingerprint = Fingerprint(root, version_of(compiler) + " ".join(FLAGS))
        for name in headers:
            command = [compiler, *FLAGS, "-x", "c++", "-"]
            work.append((name, fingerprint.of(name), command, f'#include "{name}"\n'.encode()))
    for compiler in PUBLIC_COMPILERS:
        for flags in PUBLIC_FLAGS:
            fingerprint = Fingerprint(root, version_of(compiler) + " ".join(flags))
            for name in headers:
                if name.startswith("include/"):
                    command = [compiler, *flags, "-x", "c++", "-"]
                    text = f'#include "{name.removeprefix("include/")}"\n'
                    work.append((name, fingerprint.of(name), command, text.encode()))
    return run_cached(root, "headers", work, jobs)


def check_clang_tidy(root, names, jobs):
    """clang-tidy over the layers where a slip costs most, with the clang preset's flags."""
    preset = root / "build" / "asan"
    configured = subprocess.run(["cmake", "--preset", "asan"], cwd=root, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    if configured.returncode != 0:
        print(configured.stdout.decode(errors="replace"))
        return 1
    database = preset / "compile_commands.json"  # absent while the tree has no sources
    commands = json.loads(database.read_text()) if database.exists() else []
    flags_of = {entry["file"]: entry["command"].replace(str(root), "") for entry in commands}
    settings = version_of(CLANG_TIDY) + (root / ".clang-tidy").read_text()
    work = []
    for name in names:
        wanted = name.startswith(CLANG_TIDY_LAYERS) and name.endswith(".cc")
        flags = flags_of.get(str(root / name))
        if wanted and flags and not name.endswith(("_test.cc", "_testing.cc", "_fuzz.cc")):
            command = [CLANG_TIDY, "-p", str(preset), "--quiet", name]
            work.append((name, Fingerprint(root, settings + flags).of(name), command, None))
    return run_cached(root, "clang-tidy", work, jobs)
