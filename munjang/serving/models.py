"""The models of a server by name: whole models, and their classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from munjang.errors import ConfigError, MunjangError, unknown_name
from munjang.inference.heads import has_parser, model_name, packaged, packaged_parser
from munjang.inference.predictor import Predictor, load
from munjang.serving.loaded import Classifier, LoadedModel
from munjang.translation import _


class Unserved(MunjangError):
    """No model of this server can answer the request."""

    http_status = 404


@dataclass(frozen=True)
class Models:
    """All models of a server, the parsers last. loaded, classifiers: by the name that a client uses.

    first: the classifier that answers at / and /predict; None if there are only parsers.
    """

    loaded: Mapping[str, LoadedModel]
    classifiers: Mapping[str, Classifier]
    first: Classifier | None

    @property
    def default(self) -> Classifier:
        """The classifier that answers at / and /predict. Unserved: there is none."""
        if self.first is None:
            raise Unserved(_("Only parsers are served here, at /parse. Start munjang serve with a classifier too."))
        return self.first

    def parser(self, name: str | None = None) -> LoadedModel:
        """The parser with this name, or the first one. Unserved, UnknownName: there is none."""
        parsers = {key: model for key, model in self.loaded.items() if model.is_parser}
        if not parsers:
            raise Unserved(_("No parser is served here. Start munjang serve with the folder of a parser too."))
        name = next(iter(parsers)) if name is None else name
        if name not in parsers:
            raise unknown_name(_("parser"), name, parsers)
        return parsers[name]

    def classifier(self, name: str) -> Classifier:
        """The classifier with this name. UnknownName lists the known ones. ConfigError: a parser, or many heads."""
        if name in self.classifiers:
            return self.classifiers[name]
        if name not in self.loaded:
            raise unknown_name(_("model"), name, self.known)
        if self.loaded[name].is_parser:
            raise ConfigError(_("{name} is a parser; post to /models/{name}/parse.", name=name))
        raise ConfigError(
            _(
                "{name} has several tasks. Name one of its heads: {heads}; or post to /models/{name}/analyze.",
                name=name,
                heads=", ".join(classifier.name for classifier in self.loaded[name].classifiers),
            )
        )

    def resolve(self, name: str) -> tuple[Classifier, ...]:
        """All classifiers of the model with this name, or the one classifier with it. Errors as of `classifier`."""
        own = self.loaded[name].classifiers if name in self.loaded else ()
        return own or (self.classifier(name),)

    def facts(self, name: str) -> dict[str, Any]:
        """What is known about a model or a classifier. UnknownName."""
        return (self.loaded[name] if name in self.loaded else self.classifier(name)).facts()

    @property
    def known(self) -> list[str]:
        """Every name that a client may use: models, heads, parsers."""
        parsers = [name for name, model in self.loaded.items() if model.is_parser]
        return [name for name in self.loaded | self.classifiers if name not in parsers] + parsers


def open_models(names: Sequence[str], *, default: str | None = None, precision: str = "fp32") -> Models:
    """Open the models of a command line: FOLDER, FOLDER/HEAD, mini/HEAD, or NAME=one of these; without names mini.

    Nothing is ever unpickled. ConfigError: two models with one name, or a name with a slash. Other errors: see
    `munjang.load`.
    """
    loaded: dict[str, LoadedModel] = {}
    classifiers: dict[str, Classifier] = {}
    for word in names or packaged_models():
        chosen_name, source = split_name(word)
        predictor = load(source, precision=precision)
        model = LoadedModel(chosen_name or served_name(predictor), predictor)
        own = {classifier.name: classifier for classifier in model.classifiers}
        for name in {model.name, *own} & {*loaded, *classifiers}:
            raise ConfigError(
                _("Two models would be called {name}. Give one another name: other={source}.", name=name, source=source)
            )
        loaded[model.name] = model
        classifiers |= own
    in_order = sorted(loaded.items(), key=lambda item: item[1].is_parser)
    models = Models(dict(in_order), classifiers, next(iter(classifiers.values()), None))
    return models if default is None else replace(models, first=models.classifier(default))


def packaged_models() -> list[str]:
    """What is served without any names: the packaged model, and the packaged parser if there is one."""
    return [str(packaged()), *([str(packaged_parser())] if has_parser() else [])]


def served_name(predictor: Predictor) -> str:
    """The name of a model from its folder: `nsmc`, `multi/sentiment` for a single head, `mini`."""
    return model_name((predictor.folder or Path()).resolve(), predictor.head)


def split_name(word: str) -> tuple[str, str]:
    """NAME=FOLDER as (name, folder); a plain folder has the name "". ConfigError: the name cannot be part of a URL."""
    name, sign, source = word.partition("=")
    if not sign or Path(word).exists():
        return "", word
    if not name or not source or "/" in name or name in (".", ".."):
        raise ConfigError(_("'{word}' should be NAME=FOLDER, with a name without slashes.", word=word))
    return name, source
