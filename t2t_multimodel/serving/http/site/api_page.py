"""The API for people to read, made from openapi.json; it needs no script and nothing from elsewhere."""

from __future__ import annotations

import html
import json
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font-family: ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid; }
"""


def api_page(description: dict[str, Any]) -> str:
    """A page of all operations and forms.

    Args:
        description: the OpenAPI document.
    """
    info = description["info"]
    parts = [
        f"<h1>{_text(info['title'])} {_text(info['version'])}</h1>",
        f"<p>{_text(info.get('description', ''))}</p>",
    ]
    parts.append('<p><a href="/openapi.json">openapi.json</a></p><h2>Operations</h2>')
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(method, path, operation))
    parts.append("<h2>Forms</h2>")
    for name, schema in sorted(description["components"]["schemas"].items()):
        parts.append(f'<h3 id="{_text(name)}">{_text(name)}</h3><pre>{_text(json.dumps(schema, indent=1))}</pre>')
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(info["title"])}: API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs.css"></head>'
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{_text(status)}</td><td>{_forms(answer)}</td><td>{_text(answer.get('description', ''))}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    body = operation.get("requestBody")
    asked = f"<p>Body: {_forms(body)}</p>" if body else ""
    return (
        f"<h3><code>{_text(method.upper())} {_text(path)}</code></h3><p>{_text(operation.get('description', ''))}</p>"
        f"{asked}<table><tr><th>status</th><th>content</th><th>meaning</th></tr>{rows}</table>"
    )


def _forms(holder: dict[str, Any]) -> str:
    found = []
    for kind, content in holder.get("content", {}).items():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        link = f': <a href="#{_text(name)}">{_text(name)}</a>' if name else ""
        found.append(f"<code>{_text(kind)}</code>{link}")
    return ", ".join(found)


def _text(value: Any) -> str:
    return html.escape(str(value))
