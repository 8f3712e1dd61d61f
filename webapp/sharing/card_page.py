"""The page behind a shared taste card: plain HTML with picture and clip; no cookie, no script, no other host."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --paper: #f4f5f2; --ink: #15191a; --quiet: #515857; --felt: #a3243b; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1212; --ink: #eceee9; --quiet: #a7aeab; --felt: #f0798b; } }
@font-face { font-family: "Hanken Grotesk"; src: url("../static/kallos/fonts/hanken-grotesk-latin-wght-normal.woff2"); }
@font-face { font-family: "Old Standard TT";
  src: url("../static/kallos/fonts/old-standard-tt-latin-400-normal.woff2"); }
body { margin: 0 auto; max-width: 900px; padding: 28px 20px 60px; background: var(--paper); color: var(--ink);
  font: 17px/1.5 "Hanken Grotesk", system-ui, sans-serif; }
h1 { font: 400 34px/1.2 "Old Standard TT", "Times New Roman", serif; margin: 0 0 18px; }
img { display: block; width: 100%; height: auto; border-radius: 14px; }
audio { display: block; width: 100%; margin: 18px 0; }
p, li { color: var(--quiet); max-width: 62ch; } ul { padding-left: 1.2em; } a { color: var(--felt); }
"""


def card_page(about: Mapping[str, Any], *, key: str, address: str) -> str:
    """The whole page; ``address`` is where this installation is seen from, for those who preview links."""
    lines = [line["words"] for line in about["lines"]]
    told = "; ".join(lines) or "still finding out"
    items = "".join(f"<li>{escape(line[0].upper() + line[1:])}.</li>" for line in lines)
    picture = f"{address}/card/{key}/card.png"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A taste in music, by Kallos</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta property="og:title" content="A taste in music"><meta property="og:description" content="{escape(told)}">
<meta property="og:image" content="{escape(picture)}"><meta property="og:image:width" content="1200">
<meta property="og:image:height" content="630"><meta name="twitter:card" content="summary_large_image">
<style>{STYLE}</style></head><body><main>
<h1>What somebody seems to love</h1>
<img src="{escape(key)}/card.png" width="1200" height="630" alt="After {int(about["picks"])} picks: {escape(told)}">
<audio controls preload="none" src="{escape(key)}/sound.mp3" aria-label="A piece that they like"></audio>
<ul>{items}</ul>
<p>Kallos plays two short pieces, asks which is more beautiful, and learns one person's taste from the picks. Whoever
made this card can withdraw it at any time. <a href="../">Find out what you love</a></p>
</main></body></html>"""
