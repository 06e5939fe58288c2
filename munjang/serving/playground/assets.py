"""The files of the playground, which are part of the package: read once, served unchanged with a strict policy."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "page"
CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}  # fmt: skip
"""The headers of the page and its files: scripts, styles and addresses of this server only."""

PAGE_FILES = {
    f"/playground/{path.relative_to(FOLDER).as_posix()}": path
    for path in sorted(FOLDER.rglob("*"))
    if path.suffix in CONTENT_TYPES
}
"""Address -> file. A name that a client sends is looked up here; it never becomes a path."""


def page_html() -> bytes:
    """The page itself."""
    return (FOLDER / "index.html").read_bytes()
