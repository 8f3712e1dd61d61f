// The retrieval page: one study, seen from all sides, followed while it goes on.

import { getJson } from "./api.js";
import { Chart, address, fill, follow, startFrame, tableRow } from "./research.js";

const DIRECTIONS = [["title_to_melody", "title → melody"], ["melody_to_title", "melody → title"]];
const MEASURES = [["mrr", "MRR"], ["ndcg", "nDCG"], ["recall_10", "recall@10"], ["mean_log_rank", "mean log rank"]];
const WHOLE = "of all types";
const UNTESTED = "The test tunes are asked once, when all runs have ended. Then this is drawn.";
const figure = (value) => (value === null ? "" : value.toFixed(4));

/** Bring the page inside `root` to life. */
export function startRetrieval(root, signal) {
  const frame = startFrame(root, signal);
  const select = (name) => root.querySelector(`[data-choice=${name}]`);
  const charts = {};
  for (const section of root.querySelectorAll(".k-chart")) charts[section.dataset.plot] = new Chart(section, signal);
  for (const name of ["nearest", "probe", "ablations", "probe_ablations"]) charts[name].emptiness = UNTESTED;
  const first = address.read();
  const state = Object.fromEntries([...first].filter(([name]) => !name.startsWith("__")));
  state.curves = first.getAll("curves");
  let studies = [];
  let drawn = "";

  function choose() {
    state.study = fill(select("study"), studies.map((study) => study.name), state.study);
    const study = studies.find((each) => each.name === state.study);
    state.direction = fill(select("direction"), DIRECTIONS, state.direction);
    state.measure = fill(select("measure"), MEASURES, state.measure);
    const watched = study.watched.filter((each) => each.direction === state.direction);
    state.query = fill(select("query"), watched.map((each) => [each.query, each.label]), state.query);
    state.condition = fill(select("condition"), study.conditions, state.condition);
    state.genre = fill(select("genre"), [WHOLE, ...(study.genres.ablation ?? [])], state.genre);
    const read = study.genres.probe_ablation ?? [];
    state.probe_genre = fill(select("probe_genre"), [WHOLE, ...(read.length ? ["reel or hornpipe"] : []), ...read], state.probe_genre);
    whichCurves(study);
    address.write(state);
    return study;
  }

  function whichCurves(study) {
    const box = frame.part("conditions");
    if (box.dataset.told === JSON.stringify(study.conditions)) return;
    box.dataset.told = JSON.stringify(study.conditions);
    box.replaceChildren(
      ...study.conditions.map((name) => {
        const label = document.createElement("label");
        const tick = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked: state.curves.includes(name) });
        label.append(tick, name);
        return label;
      }),
    );
  }

  function tell(study) {
    const rest = study.tested ? "The test tunes were asked." : "The test tunes are not asked before all runs have ended.";
    frame.going(`${study.ended} of ${study.runs} runs have ended${study.running ? "; it goes on" : ""}. ${rest}`);
  }

  function table({ table: lines }) {
    const shown = lines.map((row) => {
      const interval = row.low === null ? "" : `${figure(row.low)} to ${figure(row.high)}`;
      return tableRow([row.condition, figure(row.value), interval, figure(row.chance), row.n]);
    });
    root.querySelector("[data-testid=variants] tbody").replaceChildren(...shown);
  }

  const costs = (plot) => ({ table: lines }) => {
    const shown = lines.map((row) => {
      const interval = `${figure(row.low)} to ${figure(row.high)}`;
      return tableRow([row.without.replaceAll("_", " "), row.variant, figure(row.value), interval, row.p?.toFixed(3), row.n]);
    });
    root.querySelector(`[data-plot=${plot}] [data-part=costs] tbody`).replaceChildren(...shown);
  };

  function confused({ confused: runs }) {
    const lists = runs.slice(0, 3).map(({ run, step, rank, top }) => {
      const side = document.createElement("div");
      const head = Object.assign(document.createElement("h3"), { textContent: `${run}, step ${step}: rank ${rank}` });
      const list = document.createElement("ol");
      for (const item of top) {
        const line = Object.assign(document.createElement("li"), { textContent: item.label });
        if (item.right) line.className = "k-right";
        line.append(Object.assign(document.createElement("span"), { textContent: `${item.right ? "right, " : ""}${item.score.toFixed(2)}` }));
        list.append(line);
      }
      side.append(head, list);
      return side;
    });
    frame.part("confused").replaceChildren(...lists);
  }

  function ticked({ conditions }) {
    for (const tick of frame.part("conditions").querySelectorAll("input")) tick.checked = conditions.includes(tick.value);
  }

  async function draw() {
    const { study, direction, measure, query, condition, genre } = state;
    const own = { study, condition: [condition] };
    await Promise.all([
      charts.variants.draw({ study, direction, measure }, table),
      charts.curves.draw({ study, direction, condition: state.curves }, ticked),
      charts.ranks.draw({ ...own, direction, query }, confused),
      charts.nearest.draw(own),
      charts.probe.draw(own),
      charts.ablations.draw({ study, direction, genre }, costs("ablations")),
      charts.probe_ablations.draw({ study, genre: state.probe_genre }, costs("probe_ablations")),
    ]);
  }

  async function look() {
    const found = await getJson("/api/retrieval");
    studies = found.studies;
    frame.show(studies.length > 0, found.fill);
    if (!studies.length) return;
    const study = choose();
    tell(study);
    const now = JSON.stringify(study);
    if (now === drawn) return;
    drawn = now;
    await draw();
  }

  root.addEventListener(
    "change",
    (event) => {
      const name = event.target.dataset.choice;
      if (name) state[name] = event.target.value;
      else if (event.target.closest("[data-part=conditions]")) {
        state.curves = [...frame.part("conditions").querySelectorAll("input:checked")].map((tick) => tick.value);
      } else return;
      frame.attempt(async () => {
        tell(choose());
        await draw();
      });
    },
    { signal },
  );
  follow(() => frame.attempt(look), 3, signal);
}
