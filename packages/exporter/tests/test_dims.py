"""Declarations, expressions, and how an output's dim is found."""

import pytest

from tensorferry import ExportError
from tensorferry.dims import DimRange, evaluate, parse_declaration
from tensorferry.output_dims import find_dim


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch", ("batch", None)),
        ("batch[1:64]", ("batch", DimRange(1, 64))),
        (" height [ 16 : ] ", ("height", DimRange(16, None))),
        ("width[:512]", ("width", DimRange(1, 512))),
        ("width[8:512:8]", ("width", DimRange(8, 512, 8))),
        ("width[::32]", ("width", DimRange(32, None, 32))),
    ],
)
def test_declarations(text: str, expected: tuple) -> None:
    assert parse_declaration(text, "here") == expected


@pytest.mark.parametrize(
    "text", ["", "2x", "batch[64:1]", "batch[3:3]", "batch[-1:4]", "batch[9:64:8]", "bätch", "b c"]
)
def test_wrong_declarations(text: str) -> None:
    with pytest.raises(ExportError, match="DIMS_INVALID"):
        parse_declaration(text, "here")


def test_expressions_round_like_python() -> None:
    bound = {"height": 7, "width": 3}
    assert evaluate("3*height", bound) == 21
    assert evaluate("(height - 1)//2 + 1", bound) == 4
    assert evaluate("-height//2", bound) == -4
    assert evaluate("height % width", bound) == 1
    assert evaluate(None, bound) is None
    with pytest.raises(ValueError, match="only names"):
        evaluate("height.real", bound)


@pytest.mark.parametrize("expression", ["n", "3*n", "n - 4", "n + 1", "(n + 1)//2", "n//8", "2*n + 1", "n*m", "n + m"])
def test_an_expression_is_found_from_sizes_alone(expression: str) -> None:
    sizes = [{"n": n, "m": m} for n, m in [(17, 5), (33, 5), (16, 9), (40, 11), (64, 2)]]
    observations = [(bound, evaluate(expression, bound)) for bound in sizes]
    found = find_dim(None, observations)
    assert all(evaluate(found, bound) == evaluate(expression, bound) for bound in sizes)


def test_no_expression_fits() -> None:
    observations = [({"n": n}, size) for n, size in [(4, 3), (5, 11), (6, 2)]]
    assert find_dim(None, observations) is None
    assert find_dim("3*n", observations) is None
    assert find_dim("n - 1", [({"n": 4}, 3), ({"n": 9}, 8)]) == "n - 1"
