"""One model in Python, driven by lines of JSON on stdin: {"calls": n} gives milliseconds of n runs, {"callers": c,
"calls": n} runs a second with c threads. The first line on stdout says that the model is loaded."""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import models

warnings.simplefilter("ignore")


def load(kind: str, folder: Path, name: str, threads: int) -> Callable[[Tensor], Tensor]:
    if kind == "eager":
        return models.build(name)
    if kind == "torchscript":
        return torch.jit.load(str(folder / f"{name}.pt"))
    return torch._inductor.aoti_load_package(str(folder / f"{name}-{threads}.pt2"), run_single_threaded=True)


def throughput(run: Callable[[Tensor], Tensor], x: Tensor, callers: int, calls: int) -> float:
    left = [calls]
    lock = threading.Lock()

    def caller() -> None:
        with torch.inference_mode():
            while True:
                with lock:
                    if left[0] == 0:
                        return
                    left[0] -= 1
                run(x)

    workers = [threading.Thread(target=caller) for _ in range(callers)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return calls / (time.perf_counter() - start)


def main() -> None:
    kind, folder, name, threads = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    torch.set_num_threads(threads)
    run, x = load(kind, folder, name, threads), models.example(name)
    clock = time.perf_counter_ns
    with torch.inference_mode():
        for _ in range(10):
            result = run(x)
        print(json.dumps({"torch": torch.__version__, "sum": float(result.double().abs().sum())}), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            if "callers" in asked:
                print(throughput(run, x, asked["callers"], asked["calls"]), flush=True)
                continue
            each = asked["each"]
            samples = []
            for _ in range(asked["calls"]):
                start = clock()
                for _ in range(each):
                    run(x)
                samples.append((clock() - start) / 1e6 / each)
            print(json.dumps(samples), flush=True)


if __name__ == "__main__":
    main()
