"""The models of a server by name: whole models, their classifiers, and parsers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from munjang.errors import ConfigError, MunjangError, unknown_name
from munjang.inference.heads import has_parser, model_name, packaged, packaged_parser
from munjang.inference.predictor import Predictor, load
from munjang.records import Parse
from munjang.serving.loaded import Classifier, LoadedModel, LoadedParser
from munjang.translation import _


class Unserved(MunjangError):
    """No model of this server can answer the request."""

    http_status = 404


@dataclass(frozen=True)
class Models:
    """All models of a server. loaded, classifiers, parsers: by the name that a client uses.

    first: the classifier that answers at / and /predict; None if there are only parsers.
    """

    loaded: Mapping[str, LoadedModel]
    classifiers: Mapping[str, Classifier]
    first: Classifier | None
    parsers: Mapping[str, LoadedParser] = field(default_factory=dict)

    @property
    def default(self) -> Classifier:
        """The classifier that answers at / and /predict. Unserved: there is none."""
        if self.first is None:
            raise Unserved(_("Only parsers are served here, at /parse. Start munjang serve with a classifier too."))
        return self.first

    def parser(self, name: str | None) -> LoadedParser:
        """The parser with this name, or the first one. Unserved, UnknownName: there is none."""
        if not self.parsers:
            raise Unserved(_("No parser is served here. Start munjang serve with the folder of a parser too."))
        if name is None:
            return next(iter(self.parsers.values()))
        if name not in self.parsers:
            raise unknown_name(_("parser"), name, self.parsers)
        return self.parsers[name]

    def model_of(self, classifier: Classifier) -> LoadedModel:
        """The model that a classifier belongs to."""
        return (
            self.loaded[classifier.name]
            if classifier.name in self.loaded
            else self.loaded[classifier.name.rpartition("/")[0]]
        )

    def whole(self, classifier: Classifier) -> tuple[LoadedModel, Sequence[Classifier]]:
        """The model that a classifier belongs to, and all classifiers on it."""
        model = self.model_of(classifier)
        return model, model.classifiers

    def classifier(self, name: str) -> Classifier:
        """The classifier with this name. UnknownName lists the known ones. ConfigError: a parser, or many heads."""
        if name in self.loaded and self.loaded[name].many_heads:
            heads = ", ".join(classifier.name for classifier in self.loaded[name].classifiers)
            raise ConfigError(
                _(
                    "{name} has several tasks. Name one of its heads: {heads}; or post to /models/{name}/analyze.",
                    name=name,
                    heads=heads,
                )
            )
        if name in self.parsers:
            raise ConfigError(_("{name} is a parser; post to /models/{name}/parse.", name=name))
        if name not in self.classifiers:
            raise unknown_name(_("model"), name, self.known)
        return self.classifiers[name]

    def resolve(self, name: str) -> tuple[LoadedModel, Sequence[Classifier]]:
        """The model with this name and all its classifiers, or the model of a head and the classifier of that head."""
        if name in self.loaded:
            return self.loaded[name], self.loaded[name].classifiers
        classifier = self.classifier(name)
        return self.model_of(classifier), (classifier,)

    @property
    def known(self) -> list[str]:
        """Every name that a client may use."""
        return [*self.loaded, *(name for name in self.classifiers if name not in self.loaded), *self.parsers]


def open_models(names: Sequence[str], *, default: str | None = None, precision: str = "fp32") -> Models:
    """Open the models of a command line: FOLDER, FOLDER/HEAD, mini/HEAD, or NAME=one of these; without names mini.

    Nothing is ever unpickled. ConfigError: two models with one name, or a name with a slash. Other errors: see
    `munjang.load`.
    """
    loaded: dict[str, LoadedModel] = {}
    classifiers: dict[str, Classifier] = {}
    parsers: dict[str, LoadedParser] = {}
    for word in names or packaged_models():
        chosen_name, source = split_name(word)
        predictor = load(source, precision=precision)
        is_parser = predictor.decoder.record is Parse
        model = (LoadedParser if is_parser else LoadedModel)(chosen_name or served_name(predictor), predictor)
        for name in dict.fromkeys((model.name, *(classifier.name for classifier in model.classifiers))):
            if name in loaded or name in classifiers or name in parsers:
                raise ConfigError(
                    _(
                        "Two models would be called {name}. Give one another name: other={source}.",
                        name=name,
                        source=source,
                    )
                )
        (parsers if is_parser else loaded)[model.name] = model
        classifiers |= {classifier.name: classifier for classifier in model.classifiers}
    models = Models(loaded, classifiers, next(iter(classifiers.values()), None), parsers)
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
