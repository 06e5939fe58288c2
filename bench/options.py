"""The options that the benches share: the folder of the corpora, and the folder for the figures."""

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
    """A parser with --results only, for a bench that reads no corpus."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Path(__file__).parent / "results"
    parser.add_argument("--results", type=made, default=usual, help="the folder for the figures")
    return parser


def made(name: str) -> Path:
    """The folder of that name; it is made if it does not exist."""
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
