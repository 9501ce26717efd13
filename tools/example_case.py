"""One case of an example: start the binary, do what a person would do meanwhile, then compare.

A case is an object with these fields, all but `name` optional:

    name       what it shows
    inputs     given as -i name=value; {port} in a text is the port of `server`
    args       more arguments for `pawl run`
    env        variables for `pawl`
    server     {"GET /path": [answer, ...]}: a server on loopback; each answer is a status or
               {"status", "body"}; the last one is repeated
    requests   what the server must have been asked, in order: {"POST /load": {part of the body}}
    steps      what happens while the run goes on, in order:
                 {"until": {"task": NAME, ...}}      wait until the task looks like this
                 {"until_log": [TASK, TEXT]}         wait until the task has printed this
                 {"kill": true}                      kill -9 the process that carries the run
                 {"start": [ARGS]}                   another one in its place, such as watch
                 {"pawl": [ARGS], "exit_code": 0, "says": [TEXT]}   a command in another terminal
    exit_code  of the process that carried the run to its end (0)
    state, verdict, outputs, run_name, tasks
               of `pawl show --json` of the first run; an object names the members that count,
               `tasks` is an object by name; a text that begins with ~ is a regular expression
    runs       how many runs there are in the end (1)
    logs       {TASK: [TEXT, ...]}: what the last attempt printed, in order
    never      {TASK: [TEXT, ...]}: what it did not print
"""
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

LIMIT_S = 40     # of one process
POLL_S = 0.02    # between two looks at a state; each has a deadline
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER")


class Mismatch(Exception):
    """What was expected, and what was found."""


class Pawl:
    """The binary, with one data directory and no settings of the caller's."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder
        self.data = folder / ".pawl"
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env.update(NO_COLOR="1", COLUMNS="80", LC_ALL="C.UTF-8", PYTHONUNBUFFERED="1")
        self.env["PATH"] = f"{binary.parent}:{self.env.get('PATH', '/usr/bin:/bin')}"
        self.started = []

    def call(self, *args, cwd=None):
        """Runs a command to its end."""
        env = {**self.env, "PAWL_DATA": str(self.data)}
        try:
            return subprocess.run([self.binary, *args], cwd=cwd or self.folder, env=env, text=True,
                                  capture_output=True, timeout=LIMIT_S, check=False,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise Mismatch(f"pawl {' '.join(args)}: no end within {LIMIT_S} s") from late

    def start(self, *args):
        """Starts a command that carries a run; its output goes to files."""
        out = (self.folder / f"out{len(self.started)}").open("w+")
        err = (self.folder / f"err{len(self.started)}").open("w+")
        env = {**self.env, "PAWL_DATA": str(self.data)}
        process = subprocess.Popen([self.binary, *args], cwd=self.folder, env=env, stdout=out,
                                   stderr=err, stdin=subprocess.DEVNULL)
        process.files = (out, err)
        self.started.append(process)
        return process

    def show(self, run="@last"):
        """The run as `pawl show --json` gives it, or None while there is none."""
        done = self.call("show", run, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def strays(self):
        """Processes of this folder: they have it in their arguments or their environment."""
        found = []
        mark = str(self.folder).encode() + b"/"
        for entry in Path("/proc").iterdir():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue  # not a process, not ours, or gone
            if mark in text:
                found.append(int(entry.name))
        return found

    def clean_up(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for file in process.files:
                file.close()
        for pid in self.strays():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


def text_of(file):
    file.flush()
    file.seek(0)
    return file.read()


def wait_for(what, found, limit_s=LIMIT_S):
    """Asks found() until it is true; its last falsy answer makes the message."""
    deadline = time.monotonic() + limit_s
    while True:
        answer = found()
        if answer is True:
            return
        if time.monotonic() > deadline:
            raise Mismatch(f"waited {limit_s} s for {what}; last seen: {answer}")
        time.sleep(POLL_S)


def differences(expected, found, where):
    """Where `found` is not as expected; objects are compared by the members that are named."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [line for key, value in expected.items()
                for line in differences(value, found.get(key, "(absent)"), f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for number, (a, b) in enumerate(zip(expected, found))
                for line in differences(a, b, f"{where}[{number}]")]
    if isinstance(expected, str) and expected.startswith("~") and isinstance(found, str):
        if re.search(expected[1:], found):
            return []
    elif type(expected) is type(found) and expected == found:
        return []
    return [f"{where}: expected {json.dumps(expected)}, found {json.dumps(found)}"]


def tasks_by_name(run):
    return {task["name"]: task for task in run["tasks"]}


# -- The server that `http` tasks talk to

class Server:
    def __init__(self, answers):
        self.left = {route: list(list_) for route, list_ in answers.items()}
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_any(self):
                outer.answer(self)
            do_GET = do_POST = do_PUT = do_DELETE = do_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        route = f"{request.command} {request.path}"
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.requests.append((route, body.decode()))
        answers = self.left.get(route, [404])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            answer = {"status": answer, "body": {}}
        reply = json.dumps(answer.get("body", {})).encode()
        request.send_response(answer["status"])
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(reply)))
        request.end_headers()
        request.wfile.write(reply)

    def compare(self, expected):
        asked = [route for route, _ in self.requests]
        routes = [next(iter(one)) for one in expected]
        problems = differences(routes, asked, "requests")
        if not problems:
            for one, (route, body) in zip(expected, self.requests):
                if one[route] is not None:
                    problems += differences(one[route], json.loads(body), f"request {route}")
        return problems

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# -- A case

def take_step(pawl, step, process):
    """Does one step; returns the process that carries the run from now on."""
    if "until" in step:
        wanted = dict(step["until"])
        name = wanted.pop("task", None)

        def looks_so():
            run = pawl.show()
            found = run if name is None or run is None else tasks_by_name(run).get(name)
            return True if found and not differences(wanted, found, "") else found
        wait_for(f"{step['until']}", looks_so)
    elif "until_log" in step:
        task, text = step["until_log"]
        wait_for(f"{text!r} in the log of {task}",
                 lambda: text in pawl.call("logs", "@last", task).stdout or "not printed")
    elif "kill" in step:
        process.kill()
        process.wait()
    elif "start" in step:
        return pawl.start(*step["start"])
    elif "pawl" in step:
        done = pawl.call(*step["pawl"])
        code = step.get("exit_code", 0)
        said = done.stdout + done.stderr
        if done.returncode != code:
            raise Mismatch(f"pawl {step['pawl']}: exit {done.returncode}, expected {code}\n{said}")
        for text in step.get("says", []):
            if text not in said:
                raise Mismatch(f"pawl {step['pawl']}: {text!r} is not in what it says:\n{said}")
    else:
        raise Mismatch(f"unknown step {step}")
    return process


def result_problems(pawl, case):
    listed = pawl.call("ls", "--json")
    runs = json.loads(listed.stdout) if listed.returncode == 0 else []
    runs = runs["items"] if isinstance(runs, dict) else runs
    problems = differences(case.get("runs", 1), len(runs), "number of runs")
    if problems or not runs:
        return problems
    oldest = min(runs, key=lambda row: int(row["run_id"]))["run_id"]
    run = pawl.show(oldest)
    for field in ("state", "verdict", "outputs"):
        if field in case:
            problems += differences(case[field], run[field], field)
    problems += differences(case.get("run_name", run["name"]), run["name"], "name")
    problems += differences(case.get("tasks", {}), tasks_by_name(run), "tasks")
    for task, texts in case.get("logs", {}).items():
        printed = pawl.call("logs", "1", task).stdout
        at = 0
        for text in texts:
            at = printed.find(text, at)
            if at < 0:
                problems.append(f"the log of {task} lacks {text!r} (or has it earlier):\n{printed}")
                break
    for task, texts in case.get("never", {}).items():
        printed = pawl.call("logs", "1", task).stdout
        problems += [f"the log of {task} has {text!r}" for text in texts if text in printed]
    return problems


def run_case(pawl, folder, examples, file, case):
    shutil.copytree(examples, folder, dirs_exist_ok=True)
    server = Server(case["server"]) if "server" in case else None
    pawl.env.update(case.get("env", {}))
    try:
        arguments = ["run", file, "--json"]
        port = str(server.port) if server else ""
        for name, value in case.get("inputs", {}).items():
            text = value if isinstance(value, str) else json.dumps(value)
            arguments += ["-i", f"{name}={text.replace('{port}', port)}"]
        process = pawl.start(*arguments, *case.get("args", []))
        for step in case.get("steps", []):
            process = take_step(pawl, step, process)
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired as late:
            raise Mismatch(f"no end within {LIMIT_S} s\n{text_of(process.files[1])}") from late
        said = text_of(process.files[1])
        problems = differences(case.get("exit_code", 0), code, "exit code")
        problems += result_problems(pawl, case)
        if server and "requests" in case:
            problems += server.compare(case["requests"])
        if case.get("runs", 1) and not problems:
            last = json.loads(text_of(process.files[0]))
            shown = pawl.show(last["run_id"])
            problems += differences(code, last["exit_code"], "exit_code in --json")
            problems += differences(shown["tasks"], last["tasks"], "show against run --json")
        if problems:
            raise Mismatch("\n".join(problems) + "\n" + said)
        if case.get("runs", 1):
            found = pawl.call("doctor", "--json")
            if found.returncode != 0:
                raise Mismatch(f"pawl doctor finds: {found.stdout}{found.stderr}")
        wait_for("all processes to end", lambda: not pawl.strays() or pawl.strays(), 15)
    finally:
        if server:
            server.close()
