"""The same in Python: python_side.py MODEL.pt THREADS CAUSE SIZE..., driven as main.cc is."""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable

import torch

warnings.simplefilter("ignore")


class Worker:
    """A thread that does what it is given, one thing after the other."""

    def __init__(self, threads: int) -> None:
        self.given: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(threads,), daemon=True).start()

    def _work(self, threads: int) -> None:
        torch.set_num_threads(threads)
        while True:
            self.given.get()()
            self.done.put(None)


def main() -> None:
    path, threads, cause, *sizes = sys.argv[1:]
    count = {"worker": 1, "pool": 4, "oversubscribed": 4}.get(cause, 0)
    # a main thread that leaves the model to others must not have a team of its own: making a tensor would start one
    torch.set_num_threads(1 if count else int(threads))
    model = torch.jit.load(path).eval()
    x = torch.full([int(size) for size in sizes], 0.5)

    def guard() -> contextlib.AbstractContextManager:
        return contextlib.nullcontext() if cause == "gradients" else torch.inference_mode()

    def runs(each: int) -> None:
        with guard():
            for _ in range(each):
                model(x)

    def timed(work: Callable[[], None]) -> float:
        start = time.perf_counter_ns()
        work()
        return (time.perf_counter_ns() - start) / 1e6

    workers = [Worker(int(threads)) for _ in range(count)]
    turn = 0

    def sample(each: int) -> float:
        nonlocal turn
        if not workers:
            return timed(lambda: runs(each)) / each
        start = time.perf_counter_ns()
        if cause != "oversubscribed":
            for _ in range(each):
                worker = workers[turn % len(workers)]
                turn += 1
                worker.given.put(lambda: runs(1))
                worker.done.get()
            runs_done = each
        else:
            for worker in workers:
                worker.given.put(lambda: runs(each))
            for worker in workers:
                worker.done.get()
            runs_done = each * len(workers)
        return (time.perf_counter_ns() - start) / 1e6 / runs_done

    print(json.dumps({"first": [sample(1) for _ in range(12)]}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps([sample(asked["each"]) for _ in range(asked["calls"])]), flush=True)


if __name__ == "__main__":
    main()
