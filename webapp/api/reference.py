"""The page ``/api/docs``: the HTTP interface read from its own OpenAPI, in plain HTML.

FastAPI's own page loads its script from another host, which Kallos never does.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .8rem 0; }
h2 { font: 600 1rem ui-monospace, monospace; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: .6rem; background: color-mix(in srgb, currentColor 7%, transparent); }
"""


def add_reference(app: FastAPI) -> None:
    """Answer ``/api/docs``."""

    @app.get("/api/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))


def page(api: dict[str, Any]) -> str:
    """The whole reference of an OpenAPI description, as one HTML page."""
    shapes = api.get("components", {}).get("schemas", {})
    routes = "".join(
        _route(method, path, route, shapes)
        for path, methods in sorted(api["paths"].items())
        for method, route in methods.items()
    )
    head = f"<title>{escape(api['info']['title'])}: HTTP interface</title><style>{STYLE}</style>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"{head}"
        f"<h1>{escape(api['info']['title'])}: HTTP interface</h1><p>{escape(api['info'].get('description', ''))}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>{routes}</html>'
    )


def _route(method: str, path: str, route: dict[str, Any], shapes: dict[str, Any]) -> str:
    parts = [f"<section><h2>{method.upper()} {escape(path)}</h2><p>{escape(route.get('description', ''))}</p>"]
    if body := route.get("requestBody"):
        parts.append(f"<p>Body</p>{_shape(body, shapes)}")
    for status, answer in sorted(route["responses"].items()):
        if status.startswith("2"):
            parts.append(f"<p>{status}</p>{_shape(answer, shapes)}")
    refused = [status for status in sorted(route["responses"]) if not status.startswith("2")]
    parts.append(f"<p>Refusals {', '.join(refused)}: <code>{{error}}</code></p></section>" if refused else "</section>")
    return "".join(parts)


def _shape(holder: dict[str, Any], shapes: dict[str, Any]) -> str:
    kinds: list[dict[str, Any]] = list(holder.get("content", {}).values())
    schema = kinds[0].get("schema") if kinds else None
    return f"<pre>{escape(json.dumps(_sketch(schema, shapes), indent=1))}</pre>" if schema else ""


def _sketch(schema: dict[str, Any], shapes: dict[str, Any]) -> Any:
    """A schema as a small example of its form: names to types."""
    if "$ref" in schema:
        return _sketch(shapes[schema["$ref"].rsplit("/", 1)[-1]], shapes)
    if "anyOf" in schema:
        return " or ".join(str(_sketch(each, shapes)) for each in schema["anyOf"])
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return [_sketch(schema.get("items", {}), shapes)]
    if "properties" in schema:
        return {name: _sketch(each, shapes) for name, each in schema["properties"].items()}
    return schema.get("format") or schema.get("type", "any")
