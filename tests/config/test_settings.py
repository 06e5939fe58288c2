"""Settings from every side: what cannot be meant is refused in one line, what can is taken exactly."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from munjang.config.settings import (
    CleanConfig,
    PretrainConfig,
    ReadOptions,
    TrainConfig,
    from_dict,
    parse_assignments,
    read_recipe,
    update,
)
from munjang.errors import ConfigError


def refused(pairs: list[str], config=None) -> str:
    """The one line with which --set PAIRS is refused."""
    with pytest.raises(ConfigError) as found:
        update(config or TrainConfig(), parse_assignments(pairs), where="--set")
    assert "\n" not in str(found.value)
    return str(found.value)


def test_an_unknown_loop_is_refused_with_a_recipe_too(tmp_path):
    with pytest.raises(ConfigError, match="loop is 'foo'; it must be one of native, trainer"):
        read_recipe("course", "foo")
    mine = tmp_path / "mine.toml"
    for written in ('loop = "foo"', "loop = 3", "loop = []"):
        mine.write_text(written, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"loop is .*; it must be one of native, trainer"):
            read_recipe(str(mine))


@pytest.mark.parametrize("value", ["false", "no", "0"])
def test_a_setting_that_went_is_passed_over_with_its_default(value):
    assert update(TrainConfig(), {"pos": value, "epochs": "2"}, where="--set") == TrainConfig(epochs=2.0)
    assert from_dict(TrainConfig, {"pos": False}) == TrainConfig()


def test_a_setting_that_went_is_refused_with_another_value():
    message = "{}: pos is {}, but munjang no longer has this setting. Start again without it."
    assert refused(["pos=true"]) == message.format("--set", "true")
    with pytest.raises(ConfigError) as found:
        update(TrainConfig(), {"pos": True}, where="my.toml")
    assert str(found.value) == message.format("my.toml", True)
    assert refused(["clean.pos=false"]).startswith("Unknown setting 'pos' in --set, [clean].")
    assert refused(["pos=false"], PretrainConfig()).startswith("Unknown setting 'pos' in --set.")


def test_a_recipes_part_for_a_loop_must_be_a_table(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("native = 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml: native is 3; expected a table"):
        read_recipe(str(mine))


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.toml cannot be read: "):
        read_recipe(str(tmp_path / "folder.toml"))


def test_a_setting_is_not_a_table_and_a_table_is_not_a_setting():
    assert refused(["epochs.x=1"]) == "--set: epochs is a single value, not a table of settings."
    assert "clean is a table of settings" in refused(["clean=3"])


def test_a_setting_given_twice_as_value_and_table_is_refused():
    assert "'clean' is not a table of settings" in refused(["clean=3", "clean.leaks=false"])


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize("name", ["batch_size", "epochs", "learning_rate", "warmup", "validation_share", "seed"])
def test_numbers_must_be_finite(name, value):
    assert refused([f"{name}={value}"]).startswith(f"--set: {name} is '{value}'; expected ")


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "warmup", "weight_decay", "validation_share", "dropout"])
def test_numbers_must_be_finite_in_python_too(name):
    for value in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=name):
            TrainConfig(**{name: value})
    with pytest.raises(ConfigError, match=r"clean\.outliers"):
        CleanConfig(outliers=float("nan"))


@pytest.mark.parametrize("config", [TrainConfig(), PretrainConfig()])
def test_seeds_and_dropout_lie_where_torch_takes_them(config):
    assert refused(["seed=-1"], config) == "seed must lie between 0 and 4294967295, found -1."
    assert "seed must lie" in refused([f"seed={2**32}"], config)
    assert refused(["dropout=2"], config) == "dropout must be at least 0 and below 1, found 2.0."
    assert "dropout must" in refused(["dropout=-0.1"], config)
    assert update(config, {"dropout": "0", "seed": "0"}, where="--set").dropout == 0


def test_whole_numbers_keep_their_digits():
    assert update(TrainConfig(), {"log_every": "12345678901234567"}, where="--set").log_every == 12345678901234567
    assert from_dict(TrainConfig, {"log_every": 12345678901234567}).log_every == 12345678901234567
    assert refused(["seed=12345678901234567"]).endswith("found 12345678901234567.")
    assert from_dict(TrainConfig, {"batch_size": 64.0}).batch_size == 64
    assert update(TrainConfig(), {"save_every": "1e3"}, where="--set").save_every == 1000
    assert refused(["batch_size=2.5"]) == "--set: batch_size is '2.5'; expected a whole number."


def test_text_steps_are_a_list_of_known_names():
    with pytest.raises(ConfigError, match=r"settings, \[clean\]: steps is 3; expected a list of names"):
        from_dict(TrainConfig, {"clean": {"steps": 3}})
    with pytest.raises(ConfigError, match=r"steps is \['nfc', 3\]; expected a list of names"):
        from_dict(TrainConfig, {"clean": {"steps": ["nfc", 3]}})
    for config, key in ((TrainConfig(), "clean.steps"), (PretrainConfig(), "text_steps")):
        message = refused([f"{key}=nfc,spaced"], config)
        assert message.startswith(f"{key}: Unknown text step 'spaced'. Did you mean spaces? Known: ")
    assert update(TrainConfig(), parse_assignments(["clean.steps=nfc, html"]), where="--set").clean.steps == (
        "nfc",
        "html",
    )


def test_a_length_that_leaves_no_room_for_words_is_refused():
    assert refused(["max_length=2"]) == "max_length must be at least 8 tokens, found 2."
    assert update(TrainConfig(), {"max_length": "8"}, where="--set").max_length == 8


def test_a_config_comes_back_from_its_own_dict():
    for config in (TrainConfig(), PretrainConfig(), TrainConfig(seed=3, clean=CleanConfig(steps=(), outliers=3.0))):
        assert from_dict(type(config), asdict(config)) == config


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: TrainConfig(epochs="x"), "epochs is 'x'; expected a number."),
        (lambda: TrainConfig(seed=1.5), "seed is 1.5; expected a whole number."),
        (lambda: TrainConfig(seed=True), "seed is True; expected a whole number."),
        (lambda: TrainConfig(backbone=5), "backbone is 5; expected text."),
        (lambda: TrainConfig(seed=None), "seed cannot be empty."),
        (lambda: TrainConfig(clean={"leaks": False}), "clean is {'leaks': False}; expected a CleanConfig."),
        (lambda: CleanConfig(steps=5), "steps is 5; expected a list of names."),
        (lambda: CleanConfig(outliers=[3]), "outliers is [3]; expected a number."),
        (lambda: PretrainConfig(size=4), "size is 4; expected text."),
        (lambda: ReadOptions(map={"1": "긍정"}), "map is {'1': '긍정'}; expected text."),
        (lambda: ReadOptions(header_row="둘"), "header_row is '둘'; expected a whole number."),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_in_python_too(make, said):
    with pytest.raises(ConfigError) as found:
        make()
    assert str(found.value) == said


def test_values_from_python_become_what_the_field_holds():
    config = TrainConfig(epochs="3", batch_size=np.int64(8), seed=np.int64(5), clean=CleanConfig(steps=["nfc"]))
    assert (config.epochs, config.batch_size, config.seed, config.clean.steps) == (3.0, 8, 5, ("nfc",))
    assert json.loads(json.dumps(asdict(config)))["batch_size"] == 8
    assert repr(TrainConfig(epochs=5).epochs) == "5"  # as before: settings.json of old runs says 5
    options = ReadOptions(text=["제목", "본문"], labels='"배송, 포장",가격', label="none")
    assert (options.text, options.labels, options.label) == (("제목", "본문"), ("배송, 포장", "가격"), "none")


@pytest.mark.parametrize("row", [-1, 10**30])
def test_a_header_row_that_no_file_has_is_refused(row):
    with pytest.raises(ConfigError, match=f"header_row must be between 0 and 1,048,576, found {row}"):
        ReadOptions(header_row=row)
