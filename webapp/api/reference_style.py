"""How the page ``/api/docs`` looks: as the pages of the app do, in light and in dark, without their script."""

from __future__ import annotations

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
