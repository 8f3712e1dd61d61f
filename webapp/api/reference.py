"""The page ``/api/docs``: the HTTP interface read from its own OpenAPI, in plain HTML without a script.

FastAPI's own page loads its script from another host, which Kallos never does. Every call is closed until it is
opened, and so is every group, so the page is short enough for a phone. It looks as the pages of the app do, in light
and in dark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from webapp.api.dependencies import public_address

STYLE = """
:root { color-scheme: light dark; --ivory: #f4f5f2; --paper: #fff; --ink: #15191a; --quiet: #515857; --line: #d6d9d4;
  --felt: #a3243b; }
@media (prefers-color-scheme: dark) { :root { --ivory: #0f1212; --paper: #191d1d; --ink: #eceee9; --quiet: #a7aeab;
  --line: #343a39; --felt: #f0798b; } }
@font-face { font-family: "Hanken Grotesk"; src: url("../static/kallos/fonts/hanken-grotesk-latin-wght-normal.woff2");
  font-weight: 100 900; }
@font-face { font-family: "Old Standard TT";
  src: url("../static/kallos/fonts/old-standard-tt-latin-400-normal.woff2"); }
* { box-sizing: border-box; }
body { max-width: 1080px; margin: 0 auto; padding: 0 28px 60px; background: var(--ivory); color: var(--ink);
  font: 16px/1.5 "Hanken Grotesk", system-ui, sans-serif; -webkit-font-smoothing: antialiased; }
header { display: flex; align-items: center; justify-content: space-between; min-height: 68px;
  border-bottom: 3px solid #a3243b; }
header a { display: grid; align-items: center; min-height: 44px; color: var(--quiet); text-decoration: none; }
header nav { display: flex; flex-wrap: wrap; gap: 0 clamp(8px, 2.4vw, 28px); }
header .mark { color: var(--ink); font: 400 28px/1 "Old Standard TT", "Times New Roman", serif; }
h1, h2 { margin: 0; font: 400 26px/1.2 "Old Standard TT", "Times New Roman", serif; }
h1 { padding-top: 22px; font-size: 44px; line-height: 1.1; }
h2 { scroll-margin-top: 12px; }
h3, h4 { margin: 0; font: inherit; overflow-wrap: anywhere; }
h5 { margin: 14px 0 4px; font-size: 14px; }
p, dd { max-width: 70ch; margin: 6px 0; }
.lead, summary span, small, dd, th { color: var(--quiet); }
.lead { font-size: 17px; }
a { color: var(--felt); text-underline-offset: 3px; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 22px; margin: 10px 0 0; padding: 0; list-style: none; }
nav a { display: inline-grid; align-items: center; min-height: 44px; }
section { margin-top: 18px; padding-top: 18px; border-top: 1px solid var(--line); }
details { border-top: 1px solid var(--line); }
section > h2 + details { margin-top: 10px; }
.group > div > details:first-child { border: 0; }
summary { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: baseline; padding: 10px 0; cursor: pointer;
  list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; width: 12px; color: var(--felt); }
details[open] > summary::before { content: "▾"; }
summary b { display: inline-block; min-width: 62px; font-size: 13px; }
details:not(.group) > :not(summary) { margin-left: 28px; }
.group > summary { align-items: baseline; padding: 14px 0; }
.group h3 { font: 600 17px/1.4 "Hanken Grotesk", system-ui, sans-serif; }
.group > div { padding: 0 0 14px 28px; scroll-margin-top: 60px; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; margin: 6px 0; padding: 12px 14px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--paper); user-select: text; }
details > pre { max-height: 420px; }
table { border-collapse: collapse; font-size: 15px; }
th, td { padding: 4px 18px 4px 0; font-weight: 400; text-align: left; vertical-align: top; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 16px; margin: 8px 0; }
dt { font: 14px/1.9 ui-monospace, monospace; }
dd { margin: 0; }
:focus-visible { outline: 2px solid var(--felt); outline-offset: 3px; }
@media (max-width: 760px) {
  body { padding: 0 16px 40px; }
  header { min-height: 56px; }
  h1 { padding-top: 8px; font-size: 28px; }
  summary { flex-direction: column; position: relative; gap: 0; padding-left: 22px; }
  summary::before { position: absolute; left: 0; }
  summary span { font-size: 15px; }
  details:not(.group) > :not(summary) { margin-left: 0; }
  .group > summary { flex-direction: row; gap: 0 12px; padding-left: 22px; }
  .group > div { padding-left: 14px; }
  table { display: block; overflow-x: auto; }
}
"""


Schemas = dict[str, dict[str, Any]]

GROUPS = {  # by the tags of the routers, in the order of the page
    "listening": "Pairs, best of four, and composing",
    "listener": "The listener",
    "taste": "Taste",
    "taste card": "Taste cards",
    "music for two": "Music for two",
    "studio": "Studio",
    "live": "Live music",
    "titles": "Titles",
    "maps": "Maps",
    "research": "Research",
    "operation": "Operation",
}
REFUSALS = {
    "401": "no token, or one that is not valid (any more)",
    "403": "another site asks for a change, or a browser that does not say which",
    "404": "there is no such thing, or it belongs to another listener",
    "409": "it is too late, or it contradicts what is stored",
    "413": "the request is too large",
    "422": "something in the request is missing or wrong",
    "429": "too many requests; wait as long as the header Retry-After says",
    "503": "not ready yet; try again as the header Retry-After says",
}
SAMPLES = {"uuid": "5f0c1d7e-0f4b-4a5e-9d53-0b6f2a1c9e11", "integer": 3, "number": 0.5, "boolean": True}

BEGIN = """
<section aria-labelledby="authentication"><h2 id="authentication">Authentication</h2>
<p>Every listener has a token. The first call makes a new anonymous listener and answers with theirs; a browser keeps it
as a cookie, a program sends it with every call in the header <code>Authorization: Bearer TOKEN</code>. Whoever has the
token can vote as that listener and delete them, so keep it as you would a password.</p>
<pre tabindex="0">TOKEN=$(curl -s {base}/api/listener |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["listener_token"])')
curl -s -H "Authorization: Bearer $TOKEN" {base}/api/offers</pre></section>
<section aria-labelledby="example"><h2 id="example">An example: vote on a pair</h2>
<p>Python with <code>httpx</code>: get a pair, and pick the left clip.</p>
<pre tabindex="0">import httpx

kallos = httpx.Client(base_url="{base}", timeout=60)
token = kallos.get("/api/listener").json()["listener_token"]
kallos.headers["Authorization"] = f"Bearer {{token}}"

pair = kallos.get("/api/offers").json()[0]
print(pair["left"]["audio_url"], pair["right"]["audio_url"])
vote = {{"outcome": "left", "heard_ms": {{"left": 4000, "right": 4200}}}}
answer = kallos.post(f"/api/offers/{{pair['offer_id']}}/vote", json=vote).raise_for_status().json()
print(answer["picks"], "picks so far")</pre>
<p>In a notebook the <a href="../endpoints">named endpoints</a> are shorter: <code>gradio_client</code> knows them by
name. For programs that read interfaces: <a href="openapi.json">openapi.json</a>.</p></section>
<section aria-labelledby="errors"><h2 id="errors">When a call is refused</h2>
<p>The body is <code>{{"error": "…"}}</code>, a sentence that says what was wrong and what to do.</p>
<dl>{refusals}</dl></section>
"""


def add_reference(app: FastAPI) -> None:
    """Answer ``/api/docs``."""

    @app.get("/api/docs", include_in_schema=False)
    def reference(request: Request) -> HTMLResponse:
        return HTMLResponse(page(app.openapi(), public_address(request)))


def page(api: dict[str, Any], base: str) -> str:
    """The whole reference of an OpenAPI description, as one HTML page; ``base``: where this server is seen from."""
    schemas: Schemas = api.get("components", {}).get("schemas", {})
    calls: dict[str, list[str]] = {name: [] for name in GROUPS}
    for path, methods in sorted(api["paths"].items()):
        for method, route in methods.items():
            calls.setdefault(route.get("tags", ["operation"])[0], []).append(_call(method, path, route, schemas, base))
    there = [(tag, GROUPS.get(tag, tag.capitalize()), found) for tag, found in calls.items() if found]
    contents = "".join(f'<li><a href="#{_id(tag)}">{title}</a></li>' for tag, title, _ in there)
    # a link of the contents leads into a group, which a browser opens by itself
    groups = "".join(
        f'<details class="group"><summary><h3>{title}</h3><span>{_counted(found)}</span></summary>'
        f'<div id="{_id(tag)}">{"".join(found)}</div></details>'
        for tag, title, found in there
    )
    refusals = "".join(f"<dt>{status}</dt><dd>{meaning}</dd>" for status, meaning in REFUSALS.items())
    title = escape(api["info"]["title"])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>HTTP interface · {title}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<header><a class="mark" href="../">{title}</a><nav aria-label="Pages"><a href="../">Listen</a>
<a href="../taste">Your taste</a><a href="../make">Make</a><a href="../explore">Explore</a>
<a href="../studies">Studies</a></nav></header>
<main><h1>HTTP interface</h1>
<p class="lead">What the pages of {title} do, a program can do with these calls.
Open a group, and a call in it, to see what it takes and gives.</p>
<nav aria-label="Contents"><ul><li><a href="#authentication">Authentication</a></li>
<li><a href="#example">Example</a></li><li><a href="#errors">Refusals</a></li>{contents}</ul></nav>
{BEGIN.format(base=escape(base), refusals=refusals)}
<section aria-labelledby="calls"><h2 id="calls">All calls</h2>{groups}</section></main></body></html>"""


def _counted(calls: list[str]) -> str:
    return "1 call" if len(calls) == 1 else f"{len(calls)} calls"


def _id(tag: str) -> str:
    return tag.replace(" ", "-")


def _call(method: str, path: str, route: dict[str, Any], schemas: Schemas, base: str) -> str:
    told = _marked(route.get("description", ""))
    first, _, _ = told.partition(". ")
    parts = [f"<p>{told}</p>"]
    if parameters := route.get("parameters"):
        rows = "".join(_parameter(each, schemas) for each in parameters)
        head = "<tr><th scope=col>Name</th><th scope=col>In</th><th scope=col>Type</th></tr>"
        parts.append(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")
    body = _schema(route.get("requestBody", {}))
    if body:
        parts.append(f"<h5>Body</h5>{_sketched(body, schemas)}")
    parts.append(f"<h5>Example</h5><pre tabindex=0>{escape(_curl(method, path, route, schemas, base))}</pre>")
    for status, answer in sorted(route["responses"].items()):
        if status.startswith("2"):
            schema = _schema(answer)
            parts.append(f"<h5>Answer {status}</h5>{_sketched(schema, schemas) if schema else '<p>A file.</p>'}")
    return (
        f"<details><summary><h4><b>{method.upper()}</b> <code>{escape(path)}</code></h4>"
        f"<span>{first.rstrip('.')}</span></summary>{''.join(parts)}</details>"
    )


def _marked(text: str) -> str:
    """A docstring as HTML: what stands in double backticks is code."""
    return re.sub(r"``(.+?)``", r"<code>\1</code>", escape(" ".join(text.split())))


def _parameter(parameter: dict[str, Any], schemas: Schemas) -> str:
    kind = _kind(_sketch(parameter.get("schema", {}), schemas))
    need = "" if parameter.get("required") else ", may be left out"
    name = escape(parameter["name"])
    return f"<tr><th scope=row><code>{name}</code></th><td>{parameter['in']}</td><td>{escape(kind)}{need}</td></tr>"


def _kind(sketch: Any) -> str:
    return sketch if isinstance(sketch, str) else json.dumps(sketch)


def _schema(holder: dict[str, Any]) -> dict[str, Any] | None:
    kinds: list[dict[str, Any]] = list(holder.get("content", {}).values())
    return kinds[0].get("schema") or None if kinds else None


def _sketched(schema: dict[str, Any], schemas: Schemas) -> str:
    return f"<pre tabindex=0>{escape(json.dumps(_sketch(schema, schemas), indent=1))}</pre>"


def _curl(method: str, path: str, route: dict[str, Any], schemas: Schemas, base: str) -> str:
    """The call as a command line that can be copied."""
    wanted = route.get("parameters", [])
    for each in wanted:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", quote(str(_sample(each["schema"], schemas))))
    query = "&".join(
        f"{each['name']}={quote(str(_sample(each['schema'], schemas)))}"
        for each in wanted
        if each["in"] == "query" and each.get("required")
    )
    parts = ["curl -s", *_options(method, route, schemas), f"'{base}{path}{'?' if query else ''}{query}'"]
    return " \\\n  ".join(parts)


def _options(method: str, route: dict[str, Any], schemas: Schemas) -> Iterator[str]:
    if method != "get":
        yield f"-X {method.upper()}"
    if "401" in route["responses"]:
        yield '-H "Authorization: Bearer $TOKEN"'
    holder = route.get("requestBody", {})
    if "application/json" in holder.get("content", {}):
        yield "-H 'Content-Type: application/json'"
        yield f"-d '{json.dumps(_sample(_schema(holder) or {}, schemas))}'"
    elif holder or (method == "post" and route.get("summary") in {"Bring", "Import Listener"}):
        yield "--data-binary @FILE"


def _resolved(schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    return schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def _sample(schema: dict[str, Any], schemas: Schemas) -> Any:
    """A value that a schema allows; what may be left out is."""
    schema = _resolved(schema, schemas)
    choices = [schema[name] for name in ("const", "default") if schema.get(name) is not None]
    choices += [*schema.get("enum", []), *(_sample(each, schemas) for each in schema.get("anyOf", []))]
    if choices:
        return choices[0]
    if "properties" in schema:
        needed = schema.get("required", [])
        return {name: _sample(each, schemas) for name, each in schema["properties"].items() if name in needed}
    kind = schema.get("type", "string")
    if kind in {"array", "object"}:
        return [_sample(schema["items"], schemas)] if "items" in schema else {}
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    return SAMPLES.get(schema.get("format", kind), "WORDS") if least is None else least


def _sketch(schema: dict[str, Any], schemas: Schemas) -> Any:
    """A schema as a small example of its form: names to types."""
    schema = _resolved(schema, schemas)
    if "anyOf" in schema:
        sketches = [sketch for each in schema["anyOf"] if (sketch := _sketch(each, schemas)) != "null"]
        if len(sketches) == 1 and not isinstance(sketches[0], str):
            return sketches[0]  # what may be null is shown as it is where it is there
        return " or ".join(map(_kind, (_sketch(each, schemas) for each in schema["anyOf"])))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return [_sketch(schema.get("items", {}), schemas)]
    if "properties" in schema:
        return {name: _sketch(each, schemas) for name, each in schema["properties"].items()}
    return schema.get("format") or schema.get("type", "any")
