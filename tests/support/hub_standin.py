"""A small stand-in for the Hugging Face hub on 127.0.0.1: the routes that its client asks, on files held in memory."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow
import pyarrow.parquet

LARGE = ".parquet"
"""Files with this ending lie in large-file storage: named by sha256, served from another address."""


@dataclass
class HubStandin:
    """Serves `repos`: (dataset id, revision) -> path -> content. `announced` overrules the sha256 of a path.

    `asked` lists every request as "METHOD path". `plain` serves other addresses: path -> content. `tags` are what the
    listing says of a dataset id.
    """

    repos: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    announced: dict[str, str] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> HubStandin:
        handler = type("Bound", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def commit(self, repo: str, revision: str) -> str:
        """The commit that a revision stands for; a commit stands for itself."""
        return revision if len(revision) == 40 else hashlib.sha1(f"{repo}@{revision}".encode()).hexdigest()

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and files of a revision (a name or a commit), or None where the hub has no such revision."""
        for (name, known), files in self.repos.items():
            if name == repo and revision in (known, self.commit(name, known)):
                return self.commit(name, known), files
        return None

    def sha256(self, path: str, content: bytes) -> str:
        return self.announced.get(path) or hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does: listings and commits under /api, files under /datasets/ID/resolve/REVISION/PATH."""

    hub: HubStandin

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.asked.append(f"{self.command} {self.path}")
        address = urlsplit(self.path)
        parts = [unquote(part) for part in address.path.strip("/").split("/")]
        if parts[:2] == ["api", "datasets"] and len(parts) == 2 and address.path not in self.hub.plain:
            return self.datasets(parse_qs(address.query))
        if parts[:2] == ["api", "datasets"] and len(parts) > 2:
            return self.repository(f"{parts[2]}/{parts[3]}", *parts[4:6])
        if parts[0] == "datasets" and parts[3] == "resolve":
            return self.resolve(f"{parts[1]}/{parts[2]}", parts[4], "/".join(parts[5:]))
        content = self.hub.plain.get(address.path)
        return self.missing("EntryNotFound") if content is None else self.answer(content)

    def datasets(self, query: dict[str, list[str]]) -> None:
        wanted = set(query.get("filter", []))
        found = [
            {"id": name, "downloads": 1000 - i, "tags": tags, "private": False}
            for i, (name, tags) in enumerate(self.hub.tags.items())
            if wanted <= set(tags)
        ]
        self.answer(
            json.dumps(found[: int(query.get("limit", ["1000"])[0])]).encode(), {"Content-Type": "application/json"}
        )

    def repository(self, repo: str, what: str = "revision", revision: str = "main") -> None:
        if all(name != repo for name, _ in self.hub.repos):
            return self.missing("RepoNotFound")
        found = self.hub.files(repo, revision)
        if found is None:
            return self.missing("RevisionNotFound")
        commit, files = found
        body: Any = {"id": repo, "sha": commit, "private": False, "tags": [], "downloads": 1, "siblings": []}
        if what == "tree":
            body = [self.entry(path, content) for path, content in files.items()]
        self.answer(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git_blob(content)}
        if path.endswith(LARGE):
            entry["lfs"] = {"oid": self.hub.sha256(path, content), "size": len(content), "pointerSize": 134}
        return entry

    def resolve(self, repo: str, revision: str, path: str) -> None:
        found = self.hub.files(repo, revision)
        if found is None:
            return self.missing("RevisionNotFound")
        commit, files = found
        if path not in files:
            return self.missing("EntryNotFound", commit)
        content = files[path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_blob(content)}"'}
        if path.endswith(LARGE):
            sha256 = self.hub.sha256(path, content)
            self.hub.plain[f"/storage/{sha256}"] = content
            headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            headers["Location"] = f"{self.hub.url.replace('127.0.0.1', 'localhost')}/storage/{sha256}"
            return self.answer(b"", headers, status=302)
        return self.answer(content, headers)

    def missing(self, code: str, commit: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code, **({"X-Repo-Commit": commit} if commit else {})}
        self.answer(b"{}", headers, status=404)

    def answer(self, content: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def git_blob(content: bytes) -> str:
    """The sha1 by which git names a file's content."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def parquet(columns: dict[str, list], features: dict[str, Any] | None = None) -> bytes:
    """A parquet file as `datasets` writes it: with `features` it carries the library's description of the columns."""
    table = pyarrow.table(columns)
    if features is not None:
        described = {name: features.get(name, {"dtype": "string", "_type": "Value"}) for name in columns}
        metadata = {b"huggingface": json.dumps({"info": {"features": described}}).encode()}
        table = table.replace_schema_metadata(metadata)
    buffer = BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def classes(*names: str) -> dict[str, Any]:
    """The description of a column of class numbers."""
    return {"names": list(names), "_type": "ClassLabel"}


def many(feature: dict[str, Any], kind: str = "Sequence") -> dict[str, Any]:
    """The description of a column of lists: "Sequence" in older files, "List" in newer ones."""
    return {"feature": feature, "_type": kind}
