"""Facts about the machine for all benches: processor, versions, and the speed of its matrix products."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("munjang", "torch", "transformers", "accelerate", "tokenizers", "onnxruntime", "numpy")
INSTRUCTIONS = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")


def machine() -> dict[str, Any]:
    """Processor, cores, instructions for matrix products, threads, versions, load, and the accelerator if any."""
    facts: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "instructions": [name for name in INSTRUCTIONS if name in flags()],
        "python": platform.python_version(),
        "versions": {name: version_of(name) for name in PACKAGES if version_of(name)},
        "load": round(os.getloadavg()[0], 1),
    }
    try:
        import torch
    except ImportError:
        return facts
    facts["threads"] = torch.get_num_threads()
    if torch.cuda.is_available():
        facts["accelerator"] = torch.cuda.get_device_name()
    return facts


def processor() -> str:
    """The processor's name."""
    for line in cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def flags() -> set[str]:
    """The instruction sets that the system reports; empty if it reports none."""
    return next((set(line.split()) for line in cpuinfo() if line.startswith("flags")), set())


def cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def gemm_peak(dtype: str, *, rows: int = 4096, inner: int = 1024, columns: int = 4096, device: str = "cpu") -> float:
    """FLOP/s of one large matrix product in `dtype` (float32, bfloat16), in the fastest way that torch has.

    Shaped like a linear layer, (rows, inner) x (columns, inner) transposed; so large that memory does not matter.
    """
    import torch

    kind = getattr(torch, dtype)
    left = torch.randn(rows, inner, device=device).to(kind)
    right = torch.randn(columns, inner, device=device).to(kind)
    ways = [lambda: torch.nn.functional.linear(left, right)]
    if device == "cpu" and torch.backends.mkldnn.is_available():  # torch's own choice for fp32, MKL, is slow on AMD
        ways.append(lambda: torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], ""))
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    return 2.0 * rows * inner * columns / min(seconds(way, wait) for way in ways)


def seconds(call: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """The time of a call: the median of the faster half of all calls in one second, at least eight calls."""
    times = []
    began = time.perf_counter()
    while len(times) < 8 or time.perf_counter() - began < 1.0:
        start = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(sorted(times)[: len(times) // 2])
