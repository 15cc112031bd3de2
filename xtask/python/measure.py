"""What scripts that compare times have in common."""

import os
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
# Where a process lies in memory makes a hundredth: each is started so many times.
STARTS, ROUNDS, RUNS = 3, 12, 60


class Server:
    """Something that does what it is asked to, so many times."""

    def __init__(self, command, cores):
        command = ["taskset", "--cpu-list", cores, *command]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [int(part) / 1e6 for part in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def theirs(python, library, thing, model, picture, threads=1, cores="1"):
    """What starts a server of a Python library."""
    return lambda: Server([python, HERE / "peer.py", library, thing, model, picture, str(threads)], cores)


def pair(first, second, runs=RUNS):
    """Medians of two servers that take turns; what starts each is given."""
    times = [], []
    for _ in range(STARTS):
        servers = first(), second()
        for server in servers:
            server.run(runs)
        for _ in range(ROUNDS):
            for server, of_server in zip(servers, times):
                of_server.extend(server.run(runs))
        for server in servers:
            server.close()
    return [statistics.median(of_server) for of_server in times]


def row(what, measured, bound, names=("native", "LiteRT")):
    (a, b), ratio = measured, measured[0] / measured[1]
    verdict = "" if bound is None else (f"≤ {bound}" + ("" if ratio <= bound else ", **not reached**"))
    print(f"| {what} | {a:.3f} ms | {names[1]} {b:.3f} ms | {ratio:.3f} | {verdict} |", flush=True)


def process(command, cores="1"):
    """Milliseconds and MiB of a process from its beginning to its end."""
    start = time.perf_counter()
    child = subprocess.Popen(["taskset", "--cpu-list", cores, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return (time.perf_counter() - start) * 1e3, usage.ru_maxrss / 1024
