"""Datasets on the Hugging Face hub: the files of a repository, and a list of datasets.

The only module of munjang that uses huggingface_hub for data. HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_CACHE and HF_HOME
are read at every call, not only when the library is first imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from munjang.data.corpora.checksums import WrongChecksum, check_git_blob, check_sha256
from munjang.data.corpora.schema import HubPlace
from munjang.errors import FetchError
from munjang.translation import _

DEFAULT_ENDPOINT = "https://huggingface.co"
PROBE_S = 10


@dataclass(frozen=True)
class HubDataset:
    """A dataset of the hub, as the list shows it."""

    name: str
    downloads: int
    licences: tuple[str, ...]
    tasks: tuple[str, ...]


def endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def is_offline() -> bool:
    """Whether the user has forbidden network calls (HF_HUB_OFFLINE)."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "yes", "true")


def cache_folder() -> Path:
    """The hub's cache on this machine, which has the downloads of other programs too."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def is_reachable() -> bool:
    """Whether the hub may be asked and answers within PROBE_S seconds.

    Without an answer its clients try five times for each file: ask here first, and if it is False use only the cache.
    """
    if is_offline():
        return False
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint(), timeout=PROBE_S)
    except network_errors():
        return False
    return True


def no_download(repo: str) -> str:
    """Why a repository that is not on this machine could not be fetched, and what to do."""
    if is_offline():
        return _(
            "{repo} is not in {cache}, and HF_HUB_OFFLINE is set: unset it to download, or name a folder.",
            repo=repo,
            cache=cache_folder(),
        )
    return _(
        "{repo} is not in {cache}, and the hub at {endpoint} does not answer. Check the network (or HF_ENDPOINT), or "
        "name a folder.",
        repo=repo,
        cache=cache_folder(),
        endpoint=endpoint(),
    )


def cached_download(place: HubPlace) -> tuple[Path, list[str]]:
    """The folder of a repository in the cache and the wanted files in it; no files if it was never downloaded."""
    storage = cache_folder() / f"datasets--{place.repo.replace('/', '--')}"
    if not storage.is_dir():  # saves importing the library
        return storage, []
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        root = snapshot_download(**hub_arguments(place), local_files_only=True)
    except LocalEntryNotFoundError:
        return storage, []
    return listing(Path(root), place)


def download(place: HubPlace) -> tuple[Path, list[str]]:
    """Download the wanted files of a repository into the cache: its folder there and the paths of the files in it.

    FetchError: why this was not possible. WrongChecksum: a file is not the one that the hub announced.
    """
    if is_offline():
        raise FetchError(
            _(
                "{endpoint} {repo} at {revision} (not asked: HF_HUB_OFFLINE is set)",
                endpoint=endpoint(),
                repo=place.repo,
                revision=place.revision,
            )
        )
    from huggingface_hub import snapshot_download

    try:
        root = Path(snapshot_download(**hub_arguments(place), endpoint=endpoint()))
    except network_errors() as error:
        raise FetchError(
            _(
                "{endpoint} {repo} at {revision} ({reason})",
                endpoint=endpoint(),
                repo=place.repo,
                revision=place.revision,
                reason=reason(error),
            )
        ) from error
    return listing(root, place)


def hub_arguments(place: HubPlace) -> dict[str, Any]:
    return {
        "repo_id": place.repo,
        "repo_type": "dataset",
        "revision": place.revision,
        "allow_patterns": list(place.files),
        "cache_dir": cache_folder(),
    }


def listing(root: Path, place: HubPlace) -> tuple[Path, list[str]]:
    """The wanted files under `root`, each checked against the checksum that the cache has for it."""
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    names = {path.relative_to(root).as_posix(): path for path in paths}
    wanted = [name for name in names if any(fnmatchcase(name, pattern) for pattern in place.files)]
    for name in wanted:
        check_blob(names[name])
    return root, wanted


def check_blob(path: Path) -> None:
    """Check a cached file against the name of its blob: a sha256 (large files) or git's sha1 (small ones)."""
    blob = path.resolve()
    if blob == path or blob.parent.name != "blobs":  # a cache without links does not keep the checksum
        return
    try:
        if len(blob.name) == 64:
            check_sha256(blob, blob.name)
        elif len(blob.name) == 40:
            check_git_blob(blob, blob.name)
    except WrongChecksum:
        path.unlink()
        raise


def list_datasets(language: str, limit: int) -> list[HubDataset]:
    """The hub's datasets in a language (ISO code), most downloaded first, at most `limit`."""
    if is_offline():
        raise FetchError(_("The hub was not asked: HF_HUB_OFFLINE is set. Unset it to list the hub's datasets."))
    from huggingface_hub import HfApi
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint(), timeout=PROBE_S)  # without an answer the listing itself tries for 23 seconds
        datasets = list(HfApi(endpoint=endpoint()).list_datasets(language=language, sort="downloads", limit=limit))
    except network_errors() as error:
        raise FetchError(
            _(
                "The hub at {endpoint} could not be asked ({reason}). Check the network, or HF_ENDPOINT; "
                "`munjang corpora` lists munjang's own table without the network.",
                endpoint=endpoint(),
                reason=reason(error),
            )
        ) from error
    return [
        HubDataset(
            item.id,
            item.downloads or 0,
            tagged(item.tags, "license"),
            tagged(item.tags, "task_categories"),
        )
        for item in datasets
    ]


def tagged(tags: Iterable[str] | None, kind: str) -> tuple[str, ...]:
    """The values of the hub's tags of one kind: "license:mit" -> ("mit",)."""
    return tuple(tag.partition(":")[2] for tag in tags or () if tag.startswith(f"{kind}:"))


def network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises when it gets no answer, or an answer that is not JSON (such as a login page).

    Its HTTP library differs between versions; the bases of the client's own error lead to the errors of that library.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, ValueError)


def reason(error: Exception) -> str:
    """The first line of an error, with its kind."""
    cause = error.__cause__ or error
    first = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
