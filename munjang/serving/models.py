"""The models of a server: networks by folder, and the classifiers on them by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from munjang.errors import ConfigError, MunjangError, unknown_name
from munjang.inference.heads import has_parser, model_name, packaged, packaged_parser
from munjang.inference.predictor import Predictor, load
from munjang.serving.loaded import Classifier, LoadedModel, LoadedParser
from munjang.translation import _


class Unserved(MunjangError):
    """Nothing that is served answers this."""

    http_status = 404


@dataclass(frozen=True)
class Models:
    """All models of a server. networks, classifiers, parsers: by the name that a client uses.

    first: the classifier that answers at / and /predict; None where there are parsers only.
    """

    networks: Mapping[str, LoadedModel]
    classifiers: Mapping[str, Classifier]
    first: Classifier | None
    parsers: Mapping[str, LoadedParser] = field(default_factory=dict)

    @property
    def default(self) -> Classifier:
        """The classifier that answers at / and /predict. Unserved: there is none."""
        if self.first is None:
            raise Unserved(_("Only parsers are served here, at /parse; start munjang serve with a classifier too."))
        return self.first

    def parser(self, name: str | None) -> LoadedParser:
        """The parser of that name, or the first one. Unserved, UnknownName: there is none."""
        if not self.parsers:
            raise Unserved(_("No parser is served here; start munjang serve with a parser's folder too."))
        if name is None:
            return next(iter(self.parsers.values()))
        if name not in self.parsers:
            raise unknown_name("parser", name, self.parsers)
        return self.parsers[name]

    def network_of(self, classifier: Classifier) -> LoadedModel:
        """The network that answers for a view."""
        return (
            self.networks[classifier.name]
            if classifier.name in self.networks
            else self.networks[classifier.name.rpartition("/")[0]]
        )

    def whole(self, classifier: Classifier) -> tuple[LoadedModel, Sequence[Classifier]]:
        """The network that answers for a view, and all views on it."""
        network = self.network_of(classifier)
        return network, network.classifiers

    def classifier(self, name: str) -> Classifier:
        """The classifier of that name. UnknownName lists the known; ConfigError: a network with many heads."""
        if name in self.networks and self.networks[name].many:
            heads = ", ".join(classifier.name for classifier in self.networks[name].classifiers)
            raise ConfigError(
                _(
                    "{name} answers several questions. Name one of its heads: {heads}; or post to "
                    "/models/{name}/analyze.",
                    name=name,
                    heads=heads,
                )
            )
        if name in self.parsers:
            raise ConfigError(_("{name} is a parser; post to /models/{name}/parse.", name=name))
        if name not in self.classifiers:
            raise unknown_name("model", name, self.known)
        return self.classifiers[name]

    def network(self, name: str) -> tuple[LoadedModel, Sequence[Classifier]]:
        """The network of that name and all its views, or a head's network and that view alone."""
        if name in self.networks:
            return self.networks[name], self.networks[name].classifiers
        classifier = self.classifier(name)
        return self.network_of(classifier), (classifier,)

    @property
    def known(self) -> list[str]:
        """Every name that a client may use."""
        return [*self.networks, *(name for name in self.classifiers if name not in self.networks), *self.parsers]


def open_models(names: Sequence[str], *, default: str | None = None, precision: str = "fp32") -> Models:
    """Open the models that a command line names: FOLDER, FOLDER/HEAD, mini/HEAD, or NAME=one of these; none: mini.

    Nothing is ever unpickled. ConfigError: two of one name, a name with a slash. Errors as munjang.load has them.
    """
    networks: dict[str, LoadedModel] = {}
    classifiers: dict[str, Classifier] = {}
    parsers: dict[str, LoadedParser] = {}
    for word in names or packaged_models():
        own, source = split_name(word)
        predictor = load(source, precision=precision)
        is_parser = predictor.decoder.output_kind == "trees"
        network = (LoadedParser if is_parser else LoadedModel)(own or served_name(predictor), predictor)
        for name in dict.fromkeys((network.name, *(classifier.name for classifier in network.classifiers))):
            if name in networks or name in classifiers or name in parsers:
                raise ConfigError(
                    _(
                        "Two models would be called {name}. Give one another name: other={source}.",
                        name=name,
                        source=source,
                    )
                )
        (parsers if is_parser else networks)[network.name] = network
        classifiers |= {classifier.name: classifier for classifier in network.classifiers}
    models = Models(networks, classifiers, next(iter(classifiers.values()), None), parsers)
    return models if default is None else replace(models, first=models.classifier(default))


def packaged_models() -> list[str]:
    """What is served where nothing is named: the packaged model, and the packaged parser where there is one."""
    return [str(packaged()), *([str(packaged_parser())] if has_parser() else [])]


def served_name(predictor: Predictor) -> str:
    """What a model is called after its folder: `nsmc`, `multi/sentiment` for one head opened alone, `mini`."""
    return model_name((predictor.folder or Path()).resolve(), predictor.head)


def split_name(word: str) -> tuple[str, str]:
    """NAME=FOLDER as (name, folder); a plain folder has the name "". ConfigError: a name that cannot stand in a URL."""
    name, sign, source = word.partition("=")
    if not sign or Path(word).exists():
        return "", word
    if not name or not source or "/" in name or name in (".", ".."):
        raise ConfigError(_("'{word}' should be NAME=FOLDER, the name without a slash.", word=word))
    return name, source
