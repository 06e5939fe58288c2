"""A model folder of a stranger is opened as it was meant, or refused in one line before it costs time or memory."""

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest

pytest.importorskip("torch")
from hostile_models import BOMB, KINDS, forge, make_hostile
from safetensors.numpy import load_file, save_file
from soak_models import used

import munjang as mj
from munjang.encoder.packed import pack
from munjang.errors import BundleError, ConfigError, DataError, FetchError
from munjang.models import weights
from munjang.models.backbones import load_backbone
from munjang.models.folder import read_manifest
from munjang.records import LabelSet
from munjang.tasks import make_task
from munjang.tasks.base import encode_texts
from munjang.tasks.masked_lm import MaskedWords, MaskingVocabulary

TEXTS = ["정말 재밌어요", "별로예요"]


@pytest.fixture
def copy_of(tmp_path):
    """Makes a copy of an old model that a test may change."""

    def copied(kind: str) -> Path:
        shutil.copytree(KINDS[kind], tmp_path / kind, ignore=shutil.ignore_patterns("run"))
        return tmp_path / kind

    return copied


def change_json(path, change):
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    forge(path.parent / "munjang.json")


def change_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / "model.safetensors")
    forge(folder / "munjang.json")


def without(name):
    return lambda tensors: tensors.pop(name)


def with_value(name, value):
    def change(tensors):
        tensors[name] = tensors[name].copy()
        tensors[name].reshape(-1)[0] = value

    return change


def twice(name):
    return lambda tensors: tensors.update({name: np.concatenate([tensors[name]] * 2)})


def renamed(name):
    return lambda tensors: tensors.update({f"{name}_": tensors.pop(name)})


def third_layer(tensors):
    for name in list(tensors):
        if ".layer.1." in name:
            tensors[name.replace(".layer.1.", ".layer.2.")] = tensors[name]


LAYER = "bert.encoder.layer.1.attention.self.key.weight"
FAULTS = [
    (without("classifier.weight"), r"1 weight is missing or has another shape, classifier\.weight"),
    (renamed("classifier.weight"), r"1 weight is missing or has another shape, classifier\.weight"),
    (twice("classifier.bias"), r"1 weight is missing or has another shape, classifier\.bias"),
    (without("bert.pooler.dense.weight"), r"missing or has another shape, bert\.pooler\.dense\.weight"),
    (without(LAYER), r"missing or has another shape, .*key\.weight"),
    (without("bert.embeddings.word_embeddings.weight"), r"embeddings\.word_embeddings\.weight is missing, expected"),
    (third_layer, "it has 3 layers, expected 2"),
    (lambda tensors: tensors.update({"bert.extra": tensors[LAYER]}), r"1 weight has no place in the network, bert\.ex"),
    (with_value(LAYER, np.nan), r"key\.weight are not finite"),
    (with_value("classifier.bias", np.inf), r"classifier\.bias are not finite"),
    (with_value("bert.embeddings.LayerNorm.weight", 3e38), "gives numbers that are not finite"),
]


@pytest.mark.parametrize("kind", ["bert", "heads"])
@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_weights_that_are_not_those_of_the_config_are_refused(copy_of, kind, change, message):
    folder = copy_of(kind)
    change_tensors(folder, change)
    with pytest.raises(BundleError, match=message):
        mj.load(folder)


@pytest.mark.parametrize("name", ["parser.arc", "bert.encoder.layer.0.output.dense.bias"])
@pytest.mark.parametrize("fault", [without, renamed, twice, lambda name: with_value(name, np.nan)])
def test_weights_of_a_parser_are_compared_too(copy_of, name, fault):
    folder = copy_of("parser")
    change_tensors(folder, fault(name))
    with pytest.raises(BundleError, match=r"Missing key|size mismatch|cannot be loaded|other sizes|not finite"):
        mj.load(folder)


@pytest.mark.parametrize("kind", ["bert", "heads", "parser"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_hidden_layers": 100_000}, "num_hidden_layers is 100000"),
        ({"num_hidden_layers": 1}, "has 2 layers, expected 1"),
        ({"hidden_size": 16_000}, r"word_embeddings\.weight is \(\d+, 16\), expected \(\d+, 16000\)"),
        ({"vocab_size": 100_000_000}, "vocab_size is 100000000"),
        ({"intermediate_size": 300_000}, r"intermediate\.dense\.weight is \(16, 16\), expected \(300000, 16\)"),
        ({"max_position_embeddings": 400_000}, r"position_embeddings\.weight is .*expected \(400000, 16\)"),
        ({"num_labels": 10**8, "id2label": None}, r"num_labels is 100000000|id2label"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan"),
        ({"transformers_weights": "other.safetensors"}, "names other files"),
        ({"num_attention_heads": 0}, r"config\.json is damaged: num_attention_heads is 0\.$"),
        ({"return_dict": False}, r"config\.json has return_dict as False; .* Save the model without it\.$"),
        ({"hidden_act": "none"}, r"cannot be loaded: a value in it is missing or of a wrong kind$"),
        ({"pad_token_id": 100_000}, "pad_token_id|padding_idx|Padding_idx"),
    ],
)
def test_a_network_larger_than_its_weights_is_never_built(copy_of, kind, values, message):
    folder = copy_of(kind)
    change_json(folder / "config.json", lambda data: data.update(values))
    with pytest.raises(BundleError, match=message):
        mj.load(folder)


def test_a_network_of_another_family_is_measured_as_a_whole(copy_of, monkeypatch):
    folder = copy_of("bert")
    change_json(folder / "config.json", lambda data: data.update(model_type="camembert", num_hidden_layers=30))
    monkeypatch.setattr(weights, "SPARE", 10_000)
    with pytest.raises(BundleError, match="lacks weights of the network"):
        weights.check_weights(folder)


def test_the_head_of_a_parser_is_not_larger_than_its_weights(copy_of):
    folder = copy_of("parser")
    change_json(folder / "config.json", lambda data: data["munjang_parser"].update(arc=400_000))
    with pytest.raises(BundleError, match="its head has other sizes"):
        mj.load(folder)


@pytest.mark.parametrize("kind", ["linear", "linear-several"])
@pytest.mark.parametrize("name", ["idf", "weights", "bias"])
@pytest.mark.parametrize("fault", [without, renamed, twice, lambda name: with_value(name, np.nan)])
def test_parts_of_a_linear_model_are_refused_if_they_do_not_fit(copy_of, kind, name, fault):
    folder = copy_of(kind)
    change_tensors(folder, fault(name))
    with pytest.raises(BundleError, match=r"is not a complete linear model"):
        mj.load(folder)


def test_weights_that_overflow_give_no_answer(copy_of):
    folder = copy_of("linear")
    change_tensors(folder, lambda tensors: tensors.update(weights=np.full_like(tensors["weights"], 3e38)))
    model = mj.load(folder)
    with pytest.raises(BundleError, match="gives numbers that are not finite"):
        model.predict_many(TEXTS)


def build_masked(folder):
    backbone = load_backbone(str(folder))
    return pack(backbone.build(MaskedWords(MaskingVocabulary.of(backbone.tokenizer)), seed=1, dropout=None))


def build_classifier(folder):
    task = make_task("classification", LabelSet(("가", "나")))
    return load_backbone(str(folder)).build(task, seed=1, dropout=None)


def build_parser(folder):
    task = make_task("parsing", LabelSet(("NP", "VP")))
    return load_backbone(str(folder)).build(task, seed=1, dropout=None)


@pytest.mark.parametrize("build", [build_masked, build_classifier, build_parser])
@pytest.mark.parametrize("fault", [without, renamed, twice, lambda name: with_value(name, np.nan)])
def test_a_start_for_training_lacks_no_weights(copy_of, build, fault):
    folder = copy_of("encoder")
    change_tensors(folder, fault(LAYER))
    with pytest.raises(FetchError, match=r"key\.weight|cannot be loaded"):
        build(folder)


def test_only_the_head_of_a_classifier_is_made_anew_from_a_backbone(copy_of):
    folder = copy_of("encoder")
    change_tensors(folder, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("cls.")])
    build_classifier(folder)
    build_parser(folder)
    with pytest.raises(FetchError, match="weights are missing or have another shape, such as cls"):
        build_masked(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"num_hidden_layers": 100_000}, "num_hidden_layers"), ({"hidden_size": 16_000}, "does not fit its own config")],
)
def test_a_start_for_training_is_not_larger_than_its_weights(copy_of, values, message):
    folder = copy_of("encoder")
    change_json(folder / "config.json", lambda data: data.update(values))
    with pytest.raises(FetchError, match=message):
        load_backbone(str(folder))


def vocabulary(**pieces):
    return lambda data: data["model"]["vocab"].update(pieces)


def special(numbers):
    return lambda data: data["post_processor"]["special_tokens"]["[CLS]"].update(ids=numbers)


def put(**values):
    return lambda data: data.update(values)


TRAPS = [
    (put(normalizer=BOMB), r"makes up to [\d,]+ characters of one"),
    (put(normalizer={"type": "Replace", "pattern": {"String": "가"}, "content": "가" * 100}), "makes up to 100 char"),
    (
        put(normalizer={"type": "Precompiled", "precompiled_charsmap": "CAAAAAEAAAABAAAAYWJjAA=="}),
        "no usable tokenizer",
    ),
    (lambda data: data["model"].update(vocab={}), "no usable tokenizer: .*UNK"),
    (lambda data: data["model"].update(max_input_chars_per_word=10**9), "words of more than 1,000 characters"),
    (vocabulary(덧댄=10**6), "the tokenizer has 1000001 pieces, but the network"),
    (special([9_999]), "the tokenizer has 10000 pieces, but the network"),
    (put(added_tokens=[{"id": 70_000, "content": "가"}]), "no usable tokenizer|has 70001 pieces"),
    (lambda data: data["model"].update(max_input_chars_per_word="x"), "max_input_chars_per_word is 'x'"),
    (
        lambda data: data["model"].update(vocab=5),
        r"no usable tokenizer: a value in it is missing or of a wrong kind\.$",
    ),
    (put(model=[]), "no usable tokenizer"),
    (put(normalizer={"type": "Nothing"}), "no usable tokenizer"),
]


@pytest.mark.parametrize("kind", ["bert", "bert-onnx", "parser-onnx"])
@pytest.mark.parametrize(("change", "message"), TRAPS)
def test_a_tokenizer_that_hurts_is_refused_when_it_is_opened(copy_of, kind, change, message, capfd):
    folder = copy_of(kind)
    change_json(folder / "tokenizer.json", change)
    with pytest.raises(BundleError, match=message):
        mj.load(folder)
    assert "panicked" not in capfd.readouterr().err


def test_a_start_for_training_has_a_tokenizer_that_does_not_hurt(copy_of):
    folder = copy_of("encoder")
    change_json(folder / "tokenizer.json", put(normalizer=BOMB))
    with pytest.raises(FetchError, match=r"The tokenizer of .* cannot be loaded .*characters of one"):
        load_backbone(str(folder))


def test_a_tokenizer_that_fails_at_a_text_gives_one_line(copy_of):
    folder = copy_of("bert-onnx")
    change_json(
        folder / "tokenizer.json", put(normalizer={"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""})
    )
    model = mj.load(folder)
    assert model.predict("좋아요").label in model.labels
    with pytest.raises(BundleError, match="no usable tokenizer: Onig"):
        model.predict("a" * 40 + "!")


def test_a_fixed_padding_of_a_tokenizer_is_not_used(copy_of):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(KINDS["bert"] / "tokenizer.json"))
    tokenizer.enable_padding(length=10**6)
    folder = copy_of("bert-onnx")
    tokenizer.save(str(folder / "tokenizer.json"))
    forge(folder / "munjang.json")
    assert mj.load(folder).predict_many(TEXTS) == mj.load(KINDS["bert-onnx"]).predict_many(TEXTS)
    assert len(encode_texts(["가"], tokenizer, 8).ids) < 8


@pytest.mark.parametrize("label", ["긍\n정", "긍정\r", "긍\u2028정", "\ud800"])
@pytest.mark.parametrize("kind", ["bert", "linear", "heads-onnx"])
def test_a_label_of_two_lines_is_refused(copy_of, kind, label):
    folder = copy_of(kind)
    change_json(folder / "munjang.json", lambda data: data["labels"]["names"].__setitem__(0, label))
    with pytest.raises(BundleError, match="A label is one line of text"):
        mj.load(folder)
    with pytest.raises(DataError, match="A label is one line of text"):
        LabelSet((label, "부정"))


def test_many_labels_and_aliases_are_compared_in_no_time():
    names = tuple(f"라벨{number}" for number in range(40_000))
    assert len(LabelSet(names, {f"{number}": name for number, name in enumerate(names)})) == 40_000
    heads = tuple(f"h{number}/{side}" for number in range(20_000) for side in "ab")
    assert len(make_task("heads", LabelSet(heads)).groups) == 20_000


def test_a_manifest_of_enormous_size_is_not_read(tmp_path, monkeypatch):
    from munjang.models import folder

    monkeypatch.setattr(folder, "MOST_JSON", 1_000)
    (tmp_path / "munjang.json").write_text(json.dumps({"labels": ["가"] * 1_000}), encoding="utf-8")
    with pytest.raises(BundleError, match="it has more than 1,000 bytes"):
        read_manifest(tmp_path)


def test_a_tokenizer_without_padding_is_no_start_for_training(copy_of):
    folder = copy_of("encoder")
    change_json(folder / "tokenizer_config.json", lambda data: data.pop("pad_token"))
    with pytest.raises(ConfigError, match="no token for padding"):
        load_backbone(str(folder))


@pytest.mark.parametrize("kind", ["linear", "bert-onnx", "parser-int8", "heads-int8"])
def test_folders_changed_at_random_give_answers_or_one_line(tmp_path, kind):
    for number in range(12):
        changed = make_hostile(Random(f"{kind} {number}"), kind, tmp_path / f"{number}-{kind}")
        outcome = used(tmp_path / f"{number}-{kind}", number)
        assert outcome.startswith(("answer", "refused")), (changed, outcome)


@pytest.mark.parametrize("name", [".git", "..", "", ".munjang", "notes.txt", "data"])
def test_an_overwrite_deletes_nothing_that_a_strangers_list_of_files_names(tmp_path, name):
    folder = tmp_path / "m"
    shutil.copytree(KINDS["linear"], folder)
    kept = (folder / ".git" / "config", folder / "data" / "a.csv", folder / "notes.txt")
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    data = json.loads((folder / "munjang.json").read_text(encoding="utf-8"))
    data["files"][name] = {}
    (folder / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    config = mj.TrainConfig(backbone="linear")
    model = mj.train(mj.load_corpus("sample:sentiment"), config, out=folder, overwrite=True, report=False)
    assert model.predict(TEXTS[0]).label == "긍정"
    assert [path.read_text(encoding="utf-8") for path in kept] == ["mine"] * 3


@pytest.mark.parametrize(
    ("kind", "name"),
    [("linear", "munjang.json"), ("linear", "vocabulary.txt"), ("bert", "tokenizer.json"), ("bert-onnx", "model.onnx")],
)
def test_a_file_that_never_ends_is_not_read(copy_of, kind, name):
    folder = copy_of(kind)
    if name != "munjang.json":
        data = json.loads((folder / "munjang.json").read_text(encoding="utf-8"))
        data["files"] = {}
        (folder / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="it is no file"):
        mj.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attn_implementation", "some/kernels"),
        ("_attn_implementation", "flash_attention_2"),
        ("quantization_config", {"quant_method": "awq"}),
    ],
)
def test_a_config_that_asks_for_code_or_other_weights_is_refused(copy_of, key, value):
    folder = copy_of("bert")
    change_json(folder / "config.json", lambda data: data.update({key: value}))
    with pytest.raises(BundleError, match=f"config.json has {key} as .*plain weights and its own attention only"):
        mj.load(folder)


def test_weights_outside_the_folder_are_not_read(copy_of, tmp_path):
    folder = copy_of("bert")
    names = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": dict.fromkeys(names, "../outside.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    data = json.loads((folder / "munjang.json").read_text(encoding="utf-8"))
    data["files"].pop("model.safetensors")
    (folder / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match=r"names a file outside its folder: '\.\./outside.safetensors'"):
        mj.load(folder)


def test_a_list_of_tensors_without_end_is_refused(copy_of):
    folder = copy_of("bert")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes((11_000_000).to_bytes(8, "little") + data[8:])
    forge(folder / "munjang.json")
    with pytest.raises(BundleError, match="its list of tensors has 11,000,000 bytes"):
        mj.load(folder)


MANY_SPECIAL = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 200,
    "pair": [],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["model"].update(dropout=0.5), "it splits words by chance"),
        (lambda data: data.update(post_processor=MANY_SPECIAL), "it adds more than 100 special tokens"),
    ],
)
def test_a_tokenizer_of_chance_or_of_many_special_tokens_is_refused(copy_of, change, message):
    folder = copy_of("bert")
    change_json(folder / "tokenizer.json", change)
    with pytest.raises(BundleError, match=message):
        mj.load(folder)
