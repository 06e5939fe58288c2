"""The house stands as docs/ARCHITECTURE.md says: light starts, full tables, public names that load."""

import ast
import pkgutil
import subprocess
import sys
import tomllib
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path

import pytest

import munjang as mj
from munjang import tasks
from munjang.inference import backends
from munjang.tasks import base

HEAVY = ("torch", "transformers", "sklearn", "matplotlib", "datasets", "pandas", "accelerate", "jinja2")


def loaded_after(code: str) -> set[str]:
    """The heavy packages that a fresh process has loaded after running `code`."""
    report = f"\nimport sys; print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_command_line_starts_light():
    assert loaded_after("import munjang, munjang.cli") == set()


def test_cleaning_and_looking_need_no_torch():
    code = (
        "import munjang as mj\n"
        "corpus, account = mj.clean_corpus(mj.load_corpus('sample:sentiment'))\n"
        "assert len(corpus.train) == 638 and str(account) and str(mj.describe(corpus))"
    )
    assert loaded_after(code) == set()


def test_a_linear_model_predicts_without_torch_and_scikit_learn(tmp_path):
    pytest.importorskip("sklearn")
    config = mj.TrainConfig(backbone="linear")
    mj.train(mj.load_corpus("sample:sentiment"), config, out=tmp_path / "m")
    code = f"import munjang as mj\nassert mj.load({str(tmp_path / 'm')!r}).predict('정말 재밌어요').label == '긍정'"
    assert loaded_after(code) == set()


def test_every_public_name_loads_and_is_documented():
    for name in mj.__all__:
        value = getattr(mj, name)
        assert name == "__version__" or value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = mj.trian


def test_every_format_and_task_module_stands_in_its_table():
    listed = {module.rpartition(".")[2] for module in backends.BACKENDS.values()}
    assert listed == {module.name for module in pkgutil.iter_modules(backends.__path__)} - {"onnx_guard", "onnx_sizes"}
    modules = {maker.partition(":")[0].rpartition(".")[2] for maker in tasks.TASKS.values()}
    assert modules == {module.name for module in pkgutil.iter_modules(tasks.__path__)} - {
        "base",
        "masked_lm",
        "weights",
    }


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_every_format_can_be_loaded(name):
    module = import_module(backends.BACKENDS[name])
    assert callable(module.load) and callable(module.save)


@pytest.mark.parametrize("name", tasks.TASKS)
def test_every_task_has_what_the_trunk_asks_for(name):
    task = tasks.make_task(name, mj.LabelSet(("head/a", "head/b")))
    assert task.name == name
    protocols = (base.Task, base.Decoder, base.TrainingTask)
    wanted = [name for protocol in protocols for name in vars(protocol) if not name.startswith("_")]
    assert wanted and [missing for missing in wanted if not hasattr(task, missing)] == []
    assert isinstance(task.monitor, str)


def test_every_name_that_a_recipe_takes_from_munjang_is_there():
    taken = [
        (path.name, node.module, alias.name)
        for path in (Path(__file__).parents[2] / "recipes").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("munjang")
        for alias in node.names
    ]
    missing = [
        f"{file}: {module}.{name}"
        for file, module, name in taken
        if find_spec(module) is None or not (hasattr(import_module(module), name) or find_spec(f"{module}.{name}"))
    ]
    assert len(taken) > 5 and missing == []


def test_the_package_and_its_project_file_have_one_version():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert mj.__version__ == project["version"]


def test_type_checkers_are_told_that_the_package_is_typed():
    assert (resources.files("munjang") / "py.typed").is_file()
