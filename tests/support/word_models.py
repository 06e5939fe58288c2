"""A model that knows two words, for tests of what happens to its predictions."""

from types import SimpleNamespace

import numpy as np

from munjang.inference.predictor import Predictor
from munjang.models.folder import Manifest
from munjang.records import LabelSet

NAMES = LabelSet(("부정", "긍정"), {"1": "긍정"})


class WordRunner:
    """Looks for two words: its logits are the logarithms of the probabilities."""

    max_length, unit = 8, "tokens"

    def encode(self, texts):
        lengths = np.array([len(text) for text in texts])
        return SimpleNamespace(texts=texts, lengths=lengths, truncated=lengths > 20)

    def batch(self, encodings, indices):
        return {"texts": [encodings.texts[i] for i in indices]}

    def run(self, batch):
        shares = [0.9 if "좋" in text else 0.6 if "ㅋ" in text else 0.2 for text in batch["texts"]]
        return {"logits": np.log([[1 - share, share] for share in shares]).astype(np.float32)}


class Words(Predictor):
    """A model that knows two words; it also notes how many texts it is given at once."""

    def __init__(self, task="classification", labels=NAMES):
        super().__init__(Manifest("native", task, labels), WordRunner())
        self.most = 0

    def predict_many(self, texts, **options):
        self.most = max(self.most, len(texts))
        return super().predict_many(texts, **options)
