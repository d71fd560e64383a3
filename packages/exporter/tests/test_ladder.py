"""One way after the other: the first that is right, the reasons of the others, and submodules scripted on the way."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

import trap_models
from tensorferry import ExportError
from tensorferry.dims import DimRange, DynamicDims
from tensorferry.examples import Case, size_variants
from tensorferry.ladder import Failures, Rung, climb
from tensorferry.rules import Rules
from tensorferry.scripted_parts import outermost, scripted_parts


def rungs(**codes: str) -> Callable[[Failures], Iterator[Rung[str]]]:
    """One rung for each name; what is captured is the code that its proof raises."""

    def ways(_: Failures) -> Iterator[Rung[str]]:
        for route, code in codes.items():
            yield Rung(route, lambda route=route, code=code: capture(route, code))

    return ways


def capture(route: str, code: str) -> str:
    if code == "CAPTURE_FAILED":
        raise ExportError(code, f"no {route}", file="a.py", line=1)
    return code


def prove(rung: Rung[str], code: str) -> str:
    if code != "right":
        raise ExportError(code, f"{rung.route} is wrong\nthe same line")
    return rung.route


def test_the_first_right_way_is_taken_and_the_others_say_why_not() -> None:
    route, failures = climb("ONNX", rungs(a="CAPTURE_FAILED", b="REPLAY_MISMATCH", c="right", d="right"), prove)
    assert route == "c"
    assert {name: error.code for name, error in failures.items()} == {"a": "CAPTURE_FAILED", "b": "REPLAY_MISMATCH"}


def test_a_request_that_is_wrong_ends_the_ladder() -> None:
    # the replay has shown that PyTorch itself does not do the range
    with pytest.raises(ExportError, match="a is wrong") as caught:
        climb("ONNX", rungs(a="RANGE_CONTRADICTED", b="right"), prove)
    assert caught.value.code == "RANGE_CONTRADICTED"


def test_the_error_of_all_has_the_gravest_code_and_every_reason_once() -> None:
    with pytest.raises(ExportError) as caught:
        climb("ONNX", rungs(a="CAPTURE_FAILED", b="RUNTIME_REFUSED", c="REPLAY_MISMATCH"), prove)
    error = caught.value
    assert error.code == "REPLAY_MISMATCH"
    # the cause in two lines, and every reason whole behind them
    assert error.message.splitlines() == [
        "no ONNX of the model is right; of 3 ways (--verbose or error.verbose has each) the gravest is c: c is wrong",
        "the same line",
    ]
    assert "a:\n  no a\n\nb:\n  b is wrong\n  the same line\n\nc:" in error.verbose
    assert error.details == {
        "attempts": {"a": "no a", "b": "b is wrong\nthe same line", "c": "c is wrong\nthe same line"},
        "routes": {"a": "CAPTURE_FAILED", "b": "RUNTIME_REFUSED", "c": "REPLAY_MISMATCH"},
    }
    with pytest.raises(ExportError) as caught:
        climb("ONNX", rungs(a="CAPTURE_FAILED", b="CAPTURE_FAILED"), prove)
    assert caught.value.details["line"] == 1


def test_a_way_may_depend_on_the_failures_before_it() -> None:
    def ways(failures: Failures) -> Iterator[Rung[str]]:
        yield Rung("a", lambda: capture("a", "CAPTURE_FAILED"))
        yield Rung(f"after {', '.join(failures)}", lambda: "right")

    assert climb("ONNX", ways, prove)[0] == "after a"


def test_scripted_parts_are_put_back_wherever_they_stand() -> None:
    gate = trap_models.Gate()
    model = nn.Sequential(gate, nn.Sequential(gate, nn.ReLU()))
    with scripted_parts(model, ["1.0"]):
        assert isinstance(model[0], torch.jit.ScriptModule)
        assert model[0] is model[1][0]
    assert model[0] is model[1][0] is gate
    with pytest.raises(AttributeError), scripted_parts(model, ["0", "2"]):
        pass
    assert model[0] is gate
    assert outermost({"a.b", "a", "ab", "c.d"}) == ("a", "ab", "c.d")


def test_all_dims_change_together_inside_their_ranges() -> None:
    dims = DynamicDims(
        {"n": DimRange(1, 8), "h": DimRange(16, 512, 8), "w": DimRange(3, None)}, {"x": {0: "n", 1: "h", 2: "w"}}
    )
    cases, notes = size_variants(Case("x", (torch.zeros(3, 64, 10),)), ["x"], dims, {}, Rules(["x"], dims))
    assert notes == []
    together = [dict(case.bound) for case in cases if len(case.bound) == 3]
    assert together[0] == {"n": 1, "h": 16, "w": 3}
    assert [tuple(case.inputs[0].shape) for case in cases if len(case.bound) == 3] == [
        tuple(sizes.values()) for sizes in together
    ]
    (other,) = together[1:]
    assert all(dims.ranges[name].holds(size) for name, size in other.items())
    assert all(other[name] not in (found.min, found.max) for name, found in dims.ranges.items())
    # each dim alone: 1, 2, one step less and more, both bounds
    assert [case.bound[0][1] for case in cases if case.bound[0][0] == "n" and len(case.bound) == 1] == [1, 2, 4, 8]
    assert [case.bound[0][1] for case in cases if case.bound[0][0] == "h" and len(case.bound) == 1] == [16, 56, 72, 512]
