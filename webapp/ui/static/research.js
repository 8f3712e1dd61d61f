// What the dashboards share: plots that the server made, drawn on the page's own paper, and the ways to take them along.

import { getJson, resolve } from "./api.js";
import { offerLink } from "./link_dialog.js";
import { onThemeChange } from "./theme.js";

const CONFIG = { responsive: true, displayModeBar: false };
const EXPORT_WIDTH = 1000;
let script = null;

/** Plotly, fetched once from our own server. */
function plotly() {
  script ??= new Promise((done, failed) => {
    const tag = document.createElement("script");
    tag.src = resolve("/api/plotly.js");
    tag.onload = () => done(window.Plotly);
    tag.onerror = () => failed(new Error("The script that draws did not load. Please reload the page."));
    document.head.append(tag);
  });
  return script;
}

/** The choices of a page as they stand in its address, and back. */
export const address = {
  read: () => new URLSearchParams(window.location.search),
  write(choices) {
    const query = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(choices)) {
      query.delete(name);
      for (const each of [value].flat()) if (each) query.append(name, each);
    }
    // the whole path: the document may have another base
    window.history.replaceState(window.history.state, "", `${window.location.pathname}?${query}`);
  },
};

/** Data and layout in the colours of the page, light or dark. */
function inked({ data, layout }) {
  const style = window.getComputedStyle(document.body);
  const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name).trim());
  const traces = data.map((trace) => (trace.type === "heatmap" ? { ...trace, textfont: { color: ink } } : trace));
  return [traces, {
    ...layout,
    font: { ...layout.font, color: ink },
    hoverlabel: { ...layout.hoverlabel, bgcolor: paper, font: { color: ink } },
    annotations: layout.annotations.filter(({ name }) => name !== "source"), // it stands below the plot
    margin: { ...layout.margin, b: 46 },
    height: layout.height - layout.margin.b + 46,
  }];
}

function download(href, name) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.download = name;
  anchor.click();
}

/** A section made by `pages/chart.py`. */
export class Chart {
  constructor(section, signal) {
    this.section = section;
    this.name = section.dataset.plot;
    this.figure = null;
    this.wanted = this.told = "";
    section.querySelector(".k-chart-take").addEventListener("click", (event) => this.take(event.target.dataset.take), { signal });
    onThemeChange(() => this.show(), signal);
  }

  part(name) {
    return this.section.querySelector(`[data-part=${name}]`);
  }

  path(form) {
    return `/api/plots/${this.name}?${this.wanted}${form ? `&form=${form}` : ""}`;
  }

  /** Ask for the plot and show it; `tell` gets what comes with it, unless a later choice has been made meanwhile. */
  async draw(wanted, tell = () => {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(wanted)) for (const each of [value].flat()) if (each) query.append(name, each);
    this.wanted = query.toString();
    const asked = this.wanted;
    const answer = await getJson(this.path());
    const { figure, source, rows, details } = answer;
    if (asked !== this.wanted) return;
    tell(details);
    const told = JSON.stringify(answer);
    if (told === this.told) return; // drawn already
    this.told = told;
    this.figure = rows ? figure : null;
    this.part("source").textContent = source;
    this.part("empty").hidden = false;
    this.part("empty").textContent = rows ? "Drawing…" : this.emptiness ?? "There is nothing to draw yet: the runs have not come so far.";
    for (const button of this.section.querySelectorAll("[data-take]")) button.disabled = !rows;
    await this.show();
    if (asked === this.wanted) this.part("empty").hidden = rows > 0;
  }

  async show() {
    const plot = this.section.querySelector(".k-plot");
    plot.hidden = !this.figure;
    if (!this.figure) return;
    const draw = await plotly();
    await draw.react(plot, ...inked(this.figure), CONFIG);
    plot.dataset.drawn = "true";
  }

  async take(form) {
    if (!form || !this.figure) return;
    const name = `kallos-${this.name}.${form}`;
    if (form === "csv") return download(resolve(this.path("csv")), name);
    const { data, layout } = this.figure;
    const onPaper = { ...layout, paper_bgcolor: "white", font: { ...layout.font, color: "black" }, margin: { ...layout.margin, l: 40 } };
    const size = { format: form, width: EXPORT_WIDTH, height: layout.height, scale: form === "png" ? 2 : 1 };
    download(await (await plotly()).toImage({ data, layout: onPaper }, size), name);
  }
}

/** Fill a list; `options` are names or [value, label]; gives the value that is chosen: `wanted` where it is there. */
export function fill(select, options, wanted) {
  const pairs = options.map((each) => [each].flat());
  const value = pairs.some(([name]) => name === wanted) ? wanted : (pairs[0]?.[0] ?? "");
  const told = JSON.stringify(pairs);
  if (select.dataset.told !== told) {
    select.dataset.told = told;
    select.replaceChildren(...pairs.map(([name, label]) => new Option(label ?? name, name)));
  }
  select.value = value;
  return value;
}

/** A row of a table: the first cell names it. */
export function tableRow(cells, head = false) {
  const row = document.createElement("tr");
  cells.forEach((text, index) => {
    const cell = document.createElement(head || index === 0 ? "th" : "td");
    if (cell.tagName === "TH") cell.scope = head ? "col" : "row";
    cell.textContent = text ?? "";
    row.append(cell);
  });
  return row;
}

/** Wake what every dashboard has: the empty state, the link to this view. */
export function startFrame(root, signal) {
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  root.querySelector("[data-do=view-link]").addEventListener(
    "click",
    () => offerLink(root.querySelector("[data-dialog=view-link]"), window.location.href),
    { signal },
  );
  const say = (text) => (root.querySelector(".k-status").textContent = text);
  return {
    part,
    /** Do `work` and tell on the page if it fails. */
    async attempt(work) {
      try {
        await work();
        say("");
      } catch (error) {
        say(error.message || "That did not work. Please try again.");
      }
    },
    going: (text) => (part("going").textContent = text),
    show(there, command) {
      root.querySelector(".k-research").hidden = !there;
      part("nothing").hidden = there;
      part("fill").textContent = command;
    },
  };
}

/** Call `look` now and every `seconds` while the page is in sight, until `signal` aborts. */
export function follow(look, seconds, signal) {
  let timer = 0;
  const again = async () => {
    if (!document.hidden) await look();
    if (!signal.aborted) timer = window.setTimeout(again, 1000 * seconds);
  };
  signal.addEventListener("abort", () => window.clearTimeout(timer));
  again();
}
