"""munjang (문장): from a file of Korean sentences to a measured classifier."""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> module that defines it; loaded on first use, so that `import munjang` costs nothing.
_PUBLIC = {
    "Corpus": "munjang.records",
    "Example": "munjang.records",
    "LabelSet": "munjang.records",
    "Prediction": "munjang.records",
    "Tree": "munjang.records",
    "Parse": "munjang.records",
    "TrainConfig": "munjang.config",
    "CleanConfig": "munjang.config",
    "ReadOptions": "munjang.config",
    "MunjangError": "munjang.errors",
    "Analysis": "munjang.analysis",
    "Analyzer": "munjang.analysis",
    "CORPORA": "munjang.data.corpora",
    "load_corpus": "munjang.data.corpora",
    "read_corpus": "munjang.data.reading",
    "clean_corpus": "munjang.data.audit",
    "with_validation": "munjang.data.splits",
    "describe": "munjang.data.explore",
    "encode": "munjang.training.dataset",
    "train": "munjang.training.run",
    "train_heads": "munjang.training.heads",
    "evaluate": "munjang.evaluation",
    "compare": "munjang.evaluation",
    "analyze": "munjang.analysis",
    "explain": "munjang.explaining",
    "Explanation": "munjang.explaining",
    "relations": "munjang.structure",
    "load": "munjang.prediction",
    "Predictor": "munjang.prediction",
    "predict_files": "munjang.scale.run",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'munjang' has no attribute '{name}'")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
