#!/usr/bin/env python3
"""What the tasks of pipeline.yaml do: pretended work of a known length, honestly written down.

Each appends to a ledger when it starts, has done a piece, and ends, so that one can tell afterwards
that nothing was done twice, whatever was killed on the way. `make demo` does.
"""
import hashlib
import json
import os
import sys
import time
from pathlib import Path

WORK = Path(os.environ["WORK"])
PACE = float(os.environ["PACE"])
CHECKPOINT = Path(os.environ["PAWL_CHECKPOINT"])
CHUNK = 1 << 20


def ledger(what, detail=""):
    line = f"{os.environ['PAWL_TASK']} {os.environ['PAWL_ATTEMPT']} {what} {detail}".rstrip()
    with open(WORK / "ledger", "a", encoding="utf-8") as file:
        file.write(line + "\n")


def event(**fields):
    with open(os.environ["PAWL_EVENTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")


def output(**fields):
    Path(os.environ["PAWL_OUTPUT"]).write_text(json.dumps(fields), encoding="utf-8")


def save(state):
    """The checkpoint, replaced in one step: it is always whole."""
    fresh = CHECKPOINT.with_name(CHECKPOINT.name + ".new")
    fresh.write_text(json.dumps(state), encoding="utf-8")
    fresh.replace(CHECKPOINT)


def load(default):
    return json.loads(CHECKPOINT.read_text(encoding="utf-8")) if CHECKPOINT.exists() else default


def extract():
    time.sleep(PACE)
    output(parts=[f"part-{n}" for n in range(6)])


def clean(part):
    time.sleep(PACE * 2)
    block = hashlib.sha256(part.encode()).digest() * (2 * CHUNK // 32)
    (WORK / part).write_bytes(block)
    output(bytes=len(block))


def move(parts):
    """Copies chunk by chunk, and remembers how far it came; then checks the whole."""
    target = WORK / "arrived"
    done = load({"chunks": 0})["chunks"]
    wanted = b"".join((WORK / part).read_bytes() for part in parts.split())
    total = len(wanted) // CHUNK
    attempt = os.environ["PAWL_ATTEMPT"]
    print(f"attempt {attempt} sends from chunk {done + 1} of {total}", flush=True)
    with open(target, "r+b" if done else "wb") as file:
        for number in range(done, total):
            time.sleep(PACE / 3)
            file.seek(number * CHUNK)
            file.write(wanted[number * CHUNK:(number + 1) * CHUNK])
            file.flush()
            save({"chunks": number + 1})
            ledger("chunk", number + 1)
            event(progress={"current": number + 1, "total": total, "unit": "MiB"})
    digest = hashlib.sha256(wanted).hexdigest()
    if hashlib.sha256(target.read_bytes()).hexdigest() != digest:
        sys.exit("checksum mismatch: what arrived is not what was sent")
    output(bytes=len(wanted), sha256=digest)


def train(epochs):
    state = load({"epoch": 0, "loss": 1.0})
    print(f"attempt {os.environ['PAWL_ATTEMPT']} begins at epoch {state['epoch'] + 1}", flush=True)
    for epoch in range(state["epoch"] + 1, int(epochs) + 1):
        time.sleep(PACE * 1.5)
        loss = round(state["loss"] * 0.8, 4)
        state = {"epoch": epoch, "loss": loss}
        ledger("epoch", epoch)
        save(state)
        event(progress={"current": epoch, "total": int(epochs), "unit": "epoch"},
              metric={"loss": loss})
    output(loss=state["loss"], epochs=state["epoch"])


def check():
    time.sleep(PACE)


def main():
    ledger("start")
    {"extract": extract, "clean": clean, "move": move, "train": train, "check": check,
     "publish": check}[sys.argv[1]](*sys.argv[2:])
    ledger("end")


main()
