"""munjang (문장): from a file of Korean sentences to a measured classifier."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it; loaded on first use, to keep `import munjang` fast.
_PUBLIC = {
    "Corpus": "munjang.records",
    "Example": "munjang.records",
    "LabelSet": "munjang.records",
    "Prediction": "munjang.records",
    "Tree": "munjang.records",
    "Parse": "munjang.records",
    "TrainConfig": "munjang.config.settings",
    "CleanConfig": "munjang.config.settings",
    "ReadOptions": "munjang.config.settings",
    "MunjangError": "munjang.errors",
    "Analysis": "munjang.inference.analyzer",
    "Analyzer": "munjang.inference.analyzer",
    "CORPORA": "munjang.data.corpora.table",
    "load_corpus": "munjang.data.corpora.table",
    "read_corpus": "munjang.data.readers.corpus",
    "clean_corpus": "munjang.data.cleaning.clean",
    "with_validation": "munjang.data.splits",
    "describe": "munjang.data.statistics.corpus",
    "encode": "munjang.training.loops.dataset",
    "train": "munjang.training.run",
    "train_heads": "munjang.training.multihead",
    "cross_validate": "munjang.training.run",
    "review": "munjang.training.review",
    "Review": "munjang.reviewing.result",
    "apply_fixes": "munjang.data.cleaning.fixes",
    "evaluate": "munjang.evaluation.evaluate",
    "calibrate": "munjang.evaluation.calibrate",
    "compare": "munjang.evaluation.comparison",
    "analyze": "munjang.inference.analyzer",
    "explain": "munjang.inference.explain",
    "Explanation": "munjang.inference.explain",
    "triples": "munjang.data.trees.triples",
    "load": "munjang.inference.predictor",
    "set_language": "munjang.translation",
    "Predictor": "munjang.inference.predictor",
    "predict_files": "munjang.bulk.run",
}
# Earlier name -> public name.
_ALIASES = {"relations": "triples"}
__all__ = ["__version__", *_PUBLIC, *_ALIASES]


def __getattr__(name: str) -> Any:
    public_name = _ALIASES.get(name, name)
    if public_name not in _PUBLIC:
        raise AttributeError(f"module 'munjang' has no attribute '{name}'")
    value = getattr(import_module(_PUBLIC[public_name]), public_name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
