"""Every corpus of the table as its hub repository lays it out, with a few made-up rows."""

from __future__ import annotations

from typing import Any

from hub_standin import classes, many, parquet

PARQUET = "refs/convert/parquet"
KLUE_COMMIT = "349481ec73fff722f88e0453ca05c77a447d967c"
SAE = ("yes/no", "alternative", "wh- questions", "prohibitions", "requirements", "strong requirements")
KMHAS = ("origin", "physical", "politics", "profanity", "age", "gender", "race", "religion", "not_hate_speech")
YNAT = ("IT과학", "경제", "사회", "생활문화", "세계", "스포츠", "정치")
SHUFFLED_3I4K = (
    "command",
    "rhetorical command",
    "fragment",
    "intonation-dependent utterance",
    "question",
    "statement",
    "rhetorical question",
)
"""Not the order of the table: only the names in the file tell which number is which."""


def texts(names: tuple[str, ...]) -> list[str]:
    """Four texts for each class that name it, so that a test can tell whether a label is right."""
    return [f"{name} 문장 {i}" for name in names for i in range(4)]


def numbers(names: tuple[str, ...]) -> list[int]:
    return [number for number in range(len(names)) for _ in range(4)]


def single(text: str, names: tuple[str, ...], *others: str) -> bytes:
    """A split of a single-label corpus; `others` are further columns of text."""
    rows = texts(names)
    columns: dict[str, list] = {name: [f"{name} {i}" for i in range(len(rows))] for name in others}
    return parquet({**columns, text: rows, "label": numbers(names)}, {"label": classes(*names)})


def several(label: str, names: tuple[str, ...], kind: str, *others: str) -> bytes:
    """A split of a multi-label corpus: each text has its class and the last one."""
    rows = texts(names)
    columns: dict[str, list] = {name: [f"{name} {i}" for i in range(len(rows))] for name in others}
    lists = [[number, len(names) - 1] for number in numbers(names)]
    return parquet({**columns, "text": rows, label: lists}, {label: many(classes(*names), kind)})


def kor_hate() -> bytes:
    hate, bias, gender = ("hate", "offensive", "none"), ("none", "gender", "others"), ("False", "True")
    rows = [(h, b, g) for h in range(3) for b in range(3) for g in range(2)]
    columns = {
        "comments": [f"{hate[h]} {bias[b]} {gender[g]} 댓글" for h, b, g in rows],
        "contain_gender_bias": [g for _, _, g in rows],
        "bias": [b for _, b, _ in rows],
        "hate": [h for h, _, _ in rows],
    }
    features = {"contain_gender_bias": classes(*gender), "bias": classes(*bias), "hate": classes(*hate)}
    return parquet(columns, features)


def kote_names() -> tuple[str, ...]:
    from munjang.data.corpora.table import CORPORA

    return CORPORA["kote"].labels.names  # 44 names; the hub's are the same


def trees() -> bytes:
    """A split of KLUE's trees: for each relation a sentence whose first word is its name."""
    from munjang.data.trees.relations import KLUE_RELATIONS

    rows = [
        (f"{name} 문장 하나", [name, "문장", "하나"], [2, 3, 0], [name, "NP", "VP"])
        for name in KLUE_RELATIONS.names
        for _ in range(2)
    ]
    keys = ("sentence", "word_form", "head", "deprel")
    return parquet({key: [row[place] for row in rows] for place, key in enumerate(keys)}, {})


def converted(content: bytes, *splits: str, config: str = "default") -> dict[str, bytes]:
    """The layout of the hub's own conversion to parquet."""
    return {f"{config}/{split}/0000.parquet": content for split in splits}


def repositories() -> dict[tuple[str, str], dict[str, bytes]]:
    """(dataset id, revision) -> path -> content, for every corpus that the hub has."""
    script = {"README.md": b"# a dataset\n", "nsmc.py": b"# a loading script\n"}
    ynat = single("title", YNAT, "guid", "url", "date")
    wholes: dict[tuple[str, str], dict[str, bytes]] = {
        ("e9t/nsmc", "main"): script,
        ("e9t/nsmc", PARQUET): converted(single("document", ("negative", "positive"), "id"), "train", "test"),
        ("inmoonlight/kor_hate", PARQUET): converted(kor_hate(), "train", "test"),
        ("SpellOnYou/kor_sarcasm", "main"): {
            f"data/{split}-00000-of-00001.parquet": single("tokens", ("no_sarcasm", "sarcasm"))
            for split in ("train", "test")
        },
        ("wicho/kor_sae", PARQUET): converted(single("intent_pair1", SAE, "intent_pair2"), "train"),
        ("wicho/kor_3i4k", PARQUET): converted(single("text", SHUFFLED_3I4K), "train", "test"),
        ("klue/klue", KLUE_COMMIT): {
            "ynat/train-00000-of-00001.parquet": ynat,
            "ynat/validation-00000-of-00001.parquet": ynat,
            "dp/train-00000-of-00001.parquet": trees(),
            "dp/validation-00000-of-00001.parquet": trees(),
            "nli/train-00000-of-00001.parquet": parquet({"premise": ["전제"], "hypothesis": ["가설"]}, {}),
        },
        ("jeanlee/kmhas_korean_hate_speech", PARQUET): converted(
            several("label", KMHAS, "Sequence"), "train", "validation", "test"
        ),
        ("searle-j/kote", PARQUET): converted(
            several("labels", kote_names(), "List", "ID"), "train", "validation", "test", config="dichotomized"
        ),
    }
    return wholes


def class_in(text: str, column: int = 0) -> Any:
    """The class that a made-up text names (of kor_hate: hate, bias and gender_bias in this order)."""
    return text.split()[column] if text.endswith("댓글") else text.partition(" 문장 ")[0]
