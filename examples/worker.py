#!/usr/bin/env python3
"""A whole worker in Python's standard library: it runs the `shell` tasks of a Pawl server.

    worker.py http://127.0.0.1:7070 [SLOTS [QUEUE...]]        the token comes in $PAWL_TOKEN

docs/reference/worker-protocol.md says what each call means. A call that gets no answer is sent
again as it was, so a server that is started again meanwhile costs nothing.
"""
import base64
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

SERVER, SLOTS, QUEUES = sys.argv[1], int((sys.argv[2:3] or ["2"])[0]), sys.argv[3:]
KEY = secrets.token_hex(16)  # the same key is the same worker
held = {}                    # fence -> Task, until the server says that its end is recorded
said = queue.Queue()         # lines of output, as log batches, and reports
session, numbers, registering = {}, {}, threading.Lock()


class Task:
    child = report = None
    stop = ""  # "cancel" or "refused"


def call(method, path, body, headers=()):
    headers = {"Authorization": "Bearer " + os.environ.get("PAWL_TOKEN", ""),
               "Content-Type": "application/json", **dict(headers)}
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(
                    SERVER + "/api/v1/workers" + path, json.dumps(body).encode(), headers,
                    method=method), timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise
        except OSError:
            pass  # away; it comes back
        time.sleep(0.2 + secrets.randbelow(100) / 200)


def register():
    session.update(call("POST", "", {
        "key": KEY, "name": "python:%d" % os.getpid(), "queues": QUEUES, "actions": ["shell"],
        "slots": max(0, SLOTS - len(held)), "held": list(held)}))
    numbers.update({"/claim": 0, "/reports": 0})
    for task in list(held.values()):
        if task.report:
            said.put(task.report)  # the server may not have it
    print("registered as worker", session["worker_id"], file=sys.stderr, flush=True)


def ask(path, **body):
    """A call of this session; {} where the server does not know us any more."""
    ours = session["session"]
    if path in numbers:
        body["seq"] = numbers[path] = numbers[path] + 1
    try:
        return call("POST", "/" + session["worker_id"] + path, body, {"Pawl-Session": ours})
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read().decode(), file=sys.stderr, flush=True)
        with registering:
            if session["session"] == ours:
                register()
        return {}


def execute(order, task, folder):
    """Runs one task's script; returns its report."""
    fence, paths = order["fence"], {}
    for name in "INPUT", "OUTPUT", "CHECKPOINT":
        paths["PAWL_" + name] = os.path.join(folder, name.lower())
    with open(paths["PAWL_INPUT"], "w", encoding="utf-8") as file:
        json.dump(order.get("input", {}), file)
    if order.get("checkpoint") and order.get("resume") != "scratch":
        with open(paths["PAWL_CHECKPOINT"], "wb") as file:
            file.write(base64.b64decode(order["checkpoint"]))
    run_id, _, attempt, _ = fence.split(".")
    task.child = subprocess.Popen(
        order.get("args") or [order.get("shell") or "sh", "-c", order["run"]],
        env={**os.environ, **order.get("env", {}), **paths, "PAWL_TASK": order["path"],
             "PAWL_RUN_ID": run_id, "PAWL_ATTEMPT": attempt},
        cwd=order.get("cwd") or folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True)
    for number, line in enumerate(task.child.stdout):
        for _, secret in order.get("secrets", []):
            line = line.replace(secret, "***")
        said.put({"fence": fence, "first_line": number,
                  "lines": [[time.time_ns() // 1000, "out", line.rstrip("\n")]]})
    code, report = task.child.wait(), {}
    if os.path.exists(paths["PAWL_CHECKPOINT"]):
        with open(paths["PAWL_CHECKPOINT"], "rb") as file:
            report["checkpoint"] = base64.b64encode(file.read()).decode()
    if task.stop:
        return {**report, "kind": "cancelled"}
    if code:
        return {**report, "kind": "failed", "exit_code": code, "message": "exit code %d" % code}
    if os.path.exists(paths["PAWL_OUTPUT"]):
        with open(paths["PAWL_OUTPUT"], encoding="utf-8") as file:
            report["outputs"] = json.loads(file.read() or "null")
    return {**report, "kind": "completed"}


def carry_out(order, task):
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = execute(order, task, folder)
    except (OSError, ValueError, KeyError) as error:
        report = {"kind": "failed", "no_retry": True, "message": str(error)}
    task.report = {**report, "fence": order["fence"], "receipt": True}
    said.put(task.report)


def hear(answer):
    for order in answer.get("assignments", []):
        held[order["fence"]] = task = Task()
        threading.Thread(target=carry_out, args=(order, task), daemon=True).start()
    for how in "cancel", "refused":
        for fence in answer.get(how, []):
            task = held.get(fence)
            if task:
                task.stop = how
                if task.child and task.child.poll() is None:
                    os.killpg(task.child.pid, signal.SIGTERM)
    for fence in answer.get("recorded", []) + answer.get("refused", []):
        held.pop(fence, None)


def claim():
    while True:
        hear(ask("/claim", wait_s=20))


register()
threading.Thread(target=claim, daemon=True).start()
while True:
    batch = []
    try:
        batch.append(said.get(timeout=session["heartbeat_s"]))
        while len(batch) < 500:
            batch.append(said.get_nowait())
    except queue.Empty:
        pass
    lines = [one for one in batch if "lines" in one]
    if lines:
        ask("/logs", batches=lines)
    ends = [one for one in batch if "kind" in one]
    hear(ask("/reports", reports=ends, slots=len(ends)))
