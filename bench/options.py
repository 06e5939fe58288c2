"""The options that the benches share: where the corpora lie, and where the figures go."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def bench_parser(doc: str) -> argparse.ArgumentParser:
    """A parser with --data-dir and --results, whose help is the script's docstring."""
    parser = results_parser(doc)
    parser.add_argument("--data-dir", default=os.environ.get("MUNJANG_DATA"), help="a folder of corpora")
    return parser


def results_parser(doc: str) -> argparse.ArgumentParser:
    """The same for a bench that reads no corpus."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Path(__file__).parent / "results"
    parser.add_argument("--results", type=made, default=usual, help="the folder that the figures go to")
    return parser


def made(name: str) -> Path:
    """A folder of that name, made where there was none."""
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
