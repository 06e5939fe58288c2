"""Two processes train the same model as a single one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch
from safetensors.torch import load_file

TESTS = Path(__file__).parents[1] / "support"


def launch(out: Path, processes: int) -> subprocess.CompletedProcess:
    """`munjang train` under torchrun, dropout off, fp32 whatever the processor has."""
    words = [
        "-m", "munjang", "train", "sample:sentiment", "--backbone", "scratch:tiny", "--out", str(out), "--no-report",
        "--epochs", "1", "--batch-size", "21", "--set", "dropout=0", "--device", "cpu", "--save-every", "5",
        "--precision", "fp32", "--adversarial", "1", "--baseline", "--overwrite",
    ]  # fmt: skip
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [*torchrun, *words] if processes > 1 else [sys.executable, *words]
    return subprocess.run(command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, timeout=240)


def test_two_processes_end_with_the_same_weights_up_to_float_order(tmp_path):
    alone, parallel = launch(tmp_path / "one", 1), launch(tmp_path / "two", 2)
    assert alone.returncode == 0, alone.stderr
    assert parallel.returncode == 0, parallel.stderr
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=2e-5, msg=lambda text, name=name: name + text)
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tmp_path / "two" / "tokenizer.json").read_bytes()
    assert parallel.stdout.count("Model:") == parallel.stdout.count("Against the linear baseline:") == 1
    reads = (tmp_path / "two" / "run" / "test_reads.jsonl").read_text("utf-8").splitlines()
    assert len(reads) == 1, "only the first process scores"
