#!/usr/bin/env python3
"""Checks pawl-manufacturing's numbers against a computation of its own, standard library only.

    independent.py PROGRAM [--large]

Makes batches with known troubles in several shapes, has PROGRAM analyse them, and computes the same
with math.fsum, fractions and statistics. Figures must agree to 1e-9, outliers one by one (save
readings that stand on the very limit), and so must verdicts. Prints a line for each batch.
"""
import datetime
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

MISSING = {"", "nan", "na", "n/a", "null", "none"}


def close(a, b, scale=1.0):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale)


# -- Batches ---------------------------------------------------------------------------------------
# Each is (document, {sensor: (values with None, times or None)}).

def troubles(rng):
    """Columns, a sensor for each thing that can be odd about one."""
    sensors = {
        "normal": [rng.gauss(20, 2) for _ in range(1000)],
        "spiked": [rng.gauss(5, 1) + (40 if i in (10, 500) else 0) for i in range(1000)],
        "drifting": [0.01 * i + rng.gauss(0, 1) for i in range(1000)],
        "offset": [1e9 + rng.gauss(0, 1e-3) for _ in range(1000)],
        "tiny": [rng.gauss(1e-9, 1e-12) for _ in range(1000)],
        "huge": [rng.gauss(0, 1e60) for _ in range(50)],
        "holes": [rng.gauss(0, 1) if rng.random() < 0.5 else None for _ in range(1000)],
        "constant": [0.1] * 100,
        "two": [1.0, 2.0],
        "single": [None, 7.0, None],
        "nothing": [None] * 5,
        "empty": [],
        "cancels": [1e15, 1.0, -1e15, 2.0, 3.0, 1e15, -1e15],
        "steps": [float(i // 100) for i in range(1000)],
    }
    sensors.update({f"line{k}": [k * i - 3.0 for i in range(k, 40)] for k in range(1, 6)})
    return {"batch_id": "troubles", "sensors": sensors}, {k: (v, None) for k, v in sensors.items()}


def clocked(rng):
    """Readings one by one, out of order, with timestamps as text, some of them missing."""
    begin = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
    expected, records = {}, []
    for s in range(20):
        slope = rng.uniform(-1, 1)
        for _ in range(200):
            ms = rng.randrange(0, 86_400_000)
            when = begin + datetime.timedelta(milliseconds=ms)
            value = None if rng.random() < 0.05 else slope * ms / 1e6 + rng.gauss(0, 5)
            stamp = None if rng.random() < 0.02 else when
            records.append((f"m{s}", value, stamp))
    rng.shuffle(records)
    readings = []
    for name, value, stamp in records:
        values, times = expected.setdefault(name, ([], []))
        values.append(value)
        times.append(stamp.timestamp() if stamp else None)
        reading = {"sensor_id": name, "value": value, "unit": "mm"}
        if stamp:
            reading["timestamp"] = stamp.isoformat(timespec="milliseconds")
        readings.append(reading)
    return {"batch_id": "clocked", "readings": readings}, expected


def wide(rng, rows=1567, columns=590):
    """The shape of a well-known public set of a chip factory: 590 columns, 1,567 rows, one in
    twenty missing, a hundred columns that never change, a label and a clock."""
    start = datetime.datetime(2008, 7, 19, 11, 55, tzinfo=datetime.timezone.utc)
    kinds = [("constant" if c % 5 == 0 and c < 580 else "gone" if c % 37 == 3 else "normal",
              10 ** rng.uniform(-3, 4)) for c in range(columns)]
    expected = {f"f{c}": ([], []) for c in range(columns)}
    expected["Pass/Fail"] = ([], [])
    table = []
    for row in range(rows):
        when = start + datetime.timedelta(minutes=row * 7)
        record = {"time": when.strftime("%Y-%m-%d %H:%M:%S"), "wafer": f"W{row:04d}"}
        for c, (kind, scale) in enumerate(kinds):
            value = scale if kind == "constant" else rng.gauss(scale, scale / 10)
            if rng.random() < (0.6 if kind == "gone" else 0.045):
                value = None
            expected[f"f{c}"][0].append(value)
            expected[f"f{c}"][1].append(when.timestamp())
            if value is not None or rng.random() < 0.5:
                record[f"f{c}"] = value if value is not None else rng.choice([None, "NaN"])
        label = 1 if rng.random() < 0.066 else -1
        record["Pass/Fail"] = label
        expected["Pass/Fail"][0].append(float(label))
        expected["Pass/Fail"][1].append(when.timestamp())
        table.append(record)
    return {"batch_id": "wide", "records": table}, expected


def large(rng, count=2000, readings=1000):
    sensors = {f"s{i:04d}": [round(rng.gauss(20, 2), 4) for _ in range(readings)]
               for i in range(count)}
    return {"batch_id": "large", "sensors": sensors}, {k: (v, None) for k, v in sensors.items()}


# -- The computation -------------------------------------------------------------------------------

def described(values):
    """n, mean, sample deviation and a function: by how much a value is off the mean. Exact where
    there are few, so that what rounding does to the mean is not done to the differences."""
    n = len(values)
    if n == 0:
        return n, None, None, None
    if min(values) == max(values):
        return n, values[0], 0.0 if n > 1 else None, None
    if n <= 1000:
        exact = [Fraction(v) for v in values]
        mean = sum(exact) / n
        variance = sum((v - mean) ** 2 for v in exact) / (n - 1)
        shift = 2 ** 600  # the root of a fraction that no double may hold
        deviation = math.isqrt(int(variance * shift * shift)) / shift
        return n, float(mean), deviation, lambda v: float(abs(Fraction(v) - mean))
    mean = math.fsum(values) / n
    rest = math.fsum(v - mean for v in values) / n
    deviation = math.sqrt(math.fsum((v - mean - rest) ** 2 for v in values) / (n - 1))
    return n, mean, deviation, lambda v: abs(v - mean - rest)


def fitted(values, times):
    """Slope and r2 over times, where there is any, else over positions."""
    timed = times is not None and any(t is not None for t in times)
    points = [(times[i] if timed else i, v) for i, v in enumerate(values)
              if v is not None and (not timed or times[i] is not None)]
    if len(points) < 2 or len({x for x, _ in points}) < 2:
        return len(points), None, None
    first_x, first_y = points[0]
    xs, ys = [x - first_x for x, _ in points], [y - first_y for _, y in points]
    if min(ys) == max(ys):
        return len(points), 0.0, None
    slope = statistics.linear_regression(xs, ys).slope if len(xs) <= 1000 else None
    mx, my = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    xx = math.fsum((x - mx) ** 2 for x in xs)
    yy = math.fsum((y - my) ** 2 for y in ys)
    xy = math.fsum((x - mx) * (y - my) for x, y in zip(xs, ys))
    own = xy / xx
    if slope is not None and not close(slope, own, abs(own) * 1e-3 + math.sqrt(yy / xx) * 1e-3):
        raise SystemExit(f"two ways to compute a slope differ: {slope} {own}")
    return len(points), own, (xy / math.sqrt(xx) / math.sqrt(yy)) ** 2


def compare(name, told, values, times, problems):
    present = [v for v in values if v is not None]
    n, mean, deviation, off_mean = described(present)
    s, o, t = told["statistics"], told["outliers"], told["trend"]

    def expect(what, fine, *shown):
        if not fine:
            problems.append(f"{name}: {what}: {shown}")

    spread = deviation or 0.0
    expect("readings", s["readings"] == n and s["missing"] == len(values) - n, s, n)
    expect("mean", close(s["mean"], mean, spread), s["mean"], mean)
    expect("deviation", close(s["deviation"], deviation, 0), s["deviation"], deviation)
    if present:
        expect("range", (s["min"], s["max"]) == (min(present), max(present)), s)
    out, edge = set(), set()
    if deviation:
        for i, v in enumerate(values):
            if v is None:
                continue
            off = off_mean(v) / deviation
            (edge if abs(off - 2) < 1e-9 else out if off > 2 else set()).add(i)
        farthest = max(map(off_mean, present)) / deviation
        expect("largest", close(o["largest_deviation"], farthest), o, farthest)
    listed = {entry["index"] for entry in o["list"]}
    expect("count", o["count"] == len(listed), o["count"])
    expect("outliers", out <= listed <= out | edge, sorted(listed ^ out)[:5])
    points, slope, r2 = fitted(values, times)
    expect("points", t["points"] == points, t, points)
    scale = spread * 1e-3 if slope is not None else 0
    expect("slope", close(t["slope"], slope, scale / max(points, 1)), t["slope"], slope)
    expect("r2", close(t["r2"], r2, 1e-3), t["r2"], r2)
    drifts = bool(slope is not None and r2 is not None and points >= 5 and r2 >= 0.5
                  and r2 * (points - 2) >= 36 * (1 - r2))
    expect("drifting", t["drifting"] == drifts, t, r2)
    return n, len(values) - n, len(listed), drifts, o["largest_deviation"]


def judged(rules, figures):
    level = "PASS"
    for rule in rules:
        value = figures[rule["figure"]]
        if "fail" in rule and value > rule["fail"]:
            return "FAIL"
        if "warning" in rule and value > rule["warning"]:
            level = "WARNING"
    return level


def check(program, folder, dag, batch, expected):
    path = folder / "batch.json"
    path.write_text(json.dumps(batch))  # None is null; NaN would be NaN
    done = subprocess.run([program, "analyze", path, "--dag", folder / "dag.json"],
                          stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    problems, rows = [], []
    told = {entry["sensor"]: entry for entry in result["sensors"]}
    if set(told) != set(expected):
        problems.append(f"other sensors: {sorted(set(told) ^ set(expected))[:5]}")
    for name in told.keys() & expected.keys():
        rows.append(compare(name, told[name], *expected[name], problems))
    readings, missing = sum(r[0] for r in rows), sum(r[1] for r in rows)
    figures = {"outlier_share": sum(r[2] for r in rows) / readings,
               "missing_share": missing / (readings + missing),
               "drifting_share": sum(r[3] for r in rows) / len(rows),
               "empty_share": sum(r[0] == 0 for r in rows) / len(rows),
               "largest_deviation": max(r[4] for r in rows)}
    for key, value in figures.items():
        if not close(result["figures"][key], value):
            problems.append(f"{key}: {result['figures'][key]} {value}")
    verdict = judged(dag["tasks"][3]["input_data"]["rules"], figures)
    if result["verdict"] != verdict:
        problems.append(f"verdict: {result['verdict']} {verdict}")
    print(f"{batch['batch_id']}: {len(rows)} sensors, {readings} readings, "
          f"{sum(r[2] for r in rows)} outliers, {verdict}: "
          f"{'as computed independently' if not problems else problems[:5]}")
    return not problems and bool(rows)


def main():
    program = Path(sys.argv[1]).resolve()
    rng = random.Random(20261121)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built_in = subprocess.run([program, "dag"], stdout=subprocess.PIPE, check=True)
        dag = json.loads(built_in.stdout)
        dag["tasks"][0]["input_data"]["listed"] = 1_000_000  # all of them
        (folder / "dag.json").write_text(json.dumps(dag))
        batches = [troubles(rng), clocked(rng), wide(rng)]
        if "--large" in sys.argv:
            batches.append(large(rng))
        fine = [check(program, folder, dag, *batch) for batch in batches]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
