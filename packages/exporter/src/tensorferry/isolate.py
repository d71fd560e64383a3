"""Runs one capture in a process of its own: exports leave state behind that spoils the next one."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from .errors import ExportError, plain_text

T = TypeVar("T")


def can_fork() -> bool:
    # a forked child needs no pickle of the model; macOS's frameworks and Windows do not allow it
    return sys.platform.startswith("linux")


def _child(function: Callable[[], Any], log: int, pipe: Any) -> None:
    # a parent's session that is collected here would wait for threads which do not survive a fork
    gc.freeze()
    # a handler of the parent's would wait for native code to come back
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # OpenMP's threads do not survive a fork: one thread never starts them
    torch.set_num_threads(1)
    try:
        answer = ("result", function())
    except ExportError as error:
        answer = ("error", (error.code, error.message, dict(error.details)))
    except BaseException as error:
        answer = ("crash", (type(error).__name__, str(error), traceback.format_exc()))
    pipe.send(answer)
    pipe.close()


def run_isolated(function: Callable[[], T], on_wait: Callable[[], None] = lambda: None) -> T:
    """Calls `function` in a forked process on Linux, in this one elsewhere.

    Parameters
    ----------
    function : its result must be picklable
    on_wait : called twice a second while the child works

    Raises
    ------
    ExportError
        The child's own, or `CAPTURE_FAILED` for anything else it died of.
    """
    if not can_fork():
        with quiet():
            try:
                return function()
            except ExportError:
                raise
            except Exception as error:
                raise ExportError("CAPTURE_FAILED", f"{type(error).__name__}: {first_lines(str(error))}") from error
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryFile() as log:
        child = context.Process(target=_child, args=(function, log.fileno(), sender))
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork beside threads; the child starts none and takes no lock of theirs
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        sender.close()
        try:
            while not receiver.poll(0.5):
                on_wait()
            kind, answer = receiver.recv()
        except EOFError:
            child.join()
            log.seek(0)
            tail = log.read().decode(errors="replace")[-2000:]
            raise ExportError(
                "CAPTURE_FAILED",
                f"the capturing process died with exit code {child.exitcode} and no answer; its last words: {tail!r}",
                exit_code=child.exitcode,
            ) from None
        except BaseException:
            child.terminate()
            raise
        finally:
            receiver.close()
            child.join()
    if kind == "error":
        code, message, details = answer
        raise ExportError(code, message, **details)
    if kind == "crash":
        name, text, trace = answer
        raise ExportError("CAPTURE_FAILED", f"{name}: {first_lines(text)}", traceback=trace)
    return answer


@contextlib.contextmanager
def quiet() -> Any:
    """Keeps PyTorch's exporter from printing and warning."""
    with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield


def first_lines(text: str, limit: int = 1200) -> str:
    """The start of a long message, cut at a line's end where possible."""
    text = plain_text(text).strip()
    if len(text) <= limit:
        return text
    return text[:limit].rsplit("\n", 1)[0] + " …"
