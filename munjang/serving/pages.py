"""A plain page that lists the routes for people, in English like /openapi.json. It loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from munjang.serving.models import Models

DOCS_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;"
    "background:#8881;border-radius:6px}h2{font-size:1.1rem;margin-top:2rem}a{color:#0b57d0}"
    "@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#161616}a{color:#8ab4f8}}"
)
DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def docs_html(title: str, *parts: str) -> str:
    """A whole document. title: plain text. parts: HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{DOCS_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{DOCS_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def docs_page(openapi: Mapping[str, Any], models: Models) -> str:
    """Every route with its body, from the OpenAPI description."""
    parts = [
        "<p>Bodies and answers are JSON in UTF-8. The machine-readable form is <a href='/openapi.json'>"
        f"/openapi.json</a>. {{name}} is one of {escape(', '.join(models.known))}"
        + (f"; / and /predict answer with {escape(models.first.name)}.</p>" if models.first else ".</p>")
    ]
    for path, methods in openapi["paths"].items():
        for method, facts in methods.items():
            content = facts.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
            body = openapi["components"]["schemas"].get(content["schema"].get("$ref", "").rpartition("/")[2])
            parts.append(route_section(method.upper(), path, facts, body))
    return docs_html("munjang: routes", *parts)


def route_section(method: str, path: str, facts: Mapping[str, Any], body: Mapping[str, Any] | None) -> str:
    """One route: its purpose, an example of its body, the options, the errors. body: the schema of a JSON body."""
    lines = [f"<h2><code>{method} {escape(path)}</code></h2>", f"<p>{escape(facts['description'])}</p>"]
    if body:
        lines += [f"<pre>{escape(json.dumps(value, ensure_ascii=False))}</pre>" for value in body.get("examples", ())]
        names = ", ".join(f"<code>{escape(name)}</code>" for name in body["properties"])
        failures = "; ".join(
            f"{status}: {escape(answer['description'])}"
            for status, answer in facts["responses"].items()
            if status != "200"
        )
        lines.append(f"<p>Takes {names}. {failures}.</p>")
    return "\n".join(lines)
