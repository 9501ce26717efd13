"""Blocks of Markdown pages, validated and run, so that no page shows what does not work.

    ```yaml       a whole workflow (it has `pawl: 1`) must be valid. Where its first line is a
                  comment with a file name, `# train.yaml`, it is saved there for the commands that
                  follow. Other YAML is a fragment, and is left alone
    ```console    lines that begin with `$ ` are run by bash, in order, in one folder a page, which
                  holds a copy of examples/; a backslash at the end continues the line. What they
                  print (both streams) must be what stands below: `...` in a line is any text, a
                  line `...` any lines. `# exits 3` ends a command whose exit code is not 0

Every other block (sh, text, json) is for readers.
"""
import re
import shutil
import subprocess
from collections import namedtuple

from example_case import LIMIT_S, Mismatch

Block = namedtuple("Block", "language line text")
Command = namedtuple("Command", "line text exit_code expected")


def blocks_of(text):
    """The fenced blocks of a page, with the line on which each begins."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*```(\S*)", line)
        if fence and language is None:
            language, start, lines = fence[1] or "text", number + 1, []
        elif fence:
            found.append(Block(language, start, "\n".join(lines)))
            language = None
        elif language is not None:
            lines.append(line)
    return found


def commands_of(block):
    """The commands of a console block, each with the output that stands below it."""
    commands, more = [], False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if more:
            commands[-1][1] += "\n" + line
        elif line.startswith("$ "):
            commands.append([number, line[2:], []])
        elif commands:
            commands[-1][2].append(line)
        else:
            raise Mismatch(f"line {number}: a console block begins with `$ `")
        more = (more or line.startswith("$ ")) and line.endswith("\\")
    result = []
    for number, text, expected in commands:
        exits = re.search(r"\s*# exits (\d+)$", text)
        code = int(exits[1]) if exits else 0
        result.append(Command(number, text[:exits.start()] if exits else text, code, expected))
    return result


def pattern_of(expected):
    """A regular expression for the lines of expected output."""
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(p) for p in line.rstrip().split("...")) + r"[ ]*\n")
    return "".join(parts)


def run_command(pawl, folder, command, where):
    try:
        done = subprocess.run(["bash", "-c", command.text], cwd=folder, env=pawl.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                              stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as late:
        raise Mismatch(f"{where}: {command.text}: no end within {LIMIT_S} s") from late
    printed = done.stdout if done.stdout.endswith("\n") or not done.stdout else done.stdout + "\n"
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    if code != command.exit_code:
        raise Mismatch(f"{where}: {command.text}: exit {code}, not {command.exit_code}\n{printed}")
    if not re.fullmatch(pattern_of(command.expected), printed):
        raise Mismatch(f"{where}: {command.text}: the page shows\n" + "\n".join(command.expected) +
                       f"\nbut it prints\n{printed}")


def check_page(pawl, folder, root, page):
    shutil.copytree(root / "examples", folder / "examples")
    for block in blocks_of(page.read_text()):
        where = f"line {block.line}"
        if block.language == "yaml" and re.search(r"^pawl: 1", block.text, re.M):
            named = re.match(r"# (\S+\.ya?ml)\s*$", block.text.split("\n", 1)[0])
            file = folder / (named[1] if named else f"block-{block.line}.yaml")
            file.write_text(block.text + "\n")
            done = pawl.call("validate", file.name)
            if done.returncode != 0:
                raise Mismatch(f"{where}: not valid\n{done.stdout}{done.stderr}")
        elif block.language == "console":
            for command in commands_of(block):
                run_command(pawl, folder, command, f"line {command.line}")
