// The runs page: two runs side by side, followed while either goes on.

import { getJson } from "./api.js";
import { Chart, address, fill, follow, startFrame, tableRow } from "./research.js";

const NONE = ["", "nothing"];
const OF_A_RUN = ["kind", "preset", "seed", "state", "step", "data", "commit", "logged_at"];
const NAMES = { logged_at: "last logged", broken_lines: "lines that can't be read" };

function told(run, name) {
  if (!run) return "";
  if (name === "logged_at") return run.logged_at ? new Date(run.logged_at).toLocaleString() : "";
  const value = run[name] ?? run.outcome[name] ?? "";
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : value;
}

/** Bring the page inside `root` to life. */
export function startRuns(root, signal) {
  const frame = startFrame(root, signal);
  const select = (name) => root.querySelector(`[data-choice=${name}]`);
  const chart = new Chart(root.querySelector(".k-chart"), signal);
  const state = Object.fromEntries([...address.read()].filter(([name]) => !name.startsWith("__")));
  const began = "b" in state || "a" in state;
  let runs = [];
  let drawn = "";

  function choose() {
    const names = runs.map((run) => run.name);
    state.a = fill(select("a"), names, state.a);
    state.b = fill(select("b"), [NONE, ...names], began || "b" in state ? state.b : (names.find((name) => name !== state.a) ?? ""));
    return [state.a, state.b].filter(Boolean).map((name) => runs.find((run) => run.name === name));
  }

  function table(pair) {
    const broken = pair.some((run) => run.broken_lines) ? ["broken_lines"] : [];
    const further = [...broken, ...new Set(pair.flatMap((run) => Object.keys(run.outcome)))];
    root.querySelector("[data-testid=runs] thead").replaceChildren(tableRow(["", ...pair.map((run) => run.name)], true));
    root.querySelector("[data-testid=runs] tbody").replaceChildren(
      ...[...OF_A_RUN, ...further.filter((name) => !OF_A_RUN.includes(name))]
        .map((name) => [NAMES[name] ?? name.replaceAll("_", " "), ...pair.map((run) => told(run, name))])
        .filter(([, ...values]) => values.some((value) => value !== ""))
        .map((cells) => tableRow(cells)),
    );
  }

  async function draw() {
    const pair = choose();
    await chart.draw({ run: pair.map((run) => run.name), measure: state.measure }, ({ measures, measure }) => {
      state.measure = fill(select("measure"), measures, measure);
      address.write(state);
      table(pair);
    });
    const going = pair.filter((run) => run.state === "running").map((run) => run.name);
    frame.going(going.length ? `${going.join(" and ")} ${going.length > 1 ? "go" : "goes"} on; this page follows.` : "");
  }

  async function look() {
    const found = await getJson("/api/runs");
    runs = found.runs;
    frame.show(runs.length > 0, found.fill);
    const now = JSON.stringify([runs, state]);
    if (!runs.length || now === drawn) return;
    await draw();
    drawn = JSON.stringify([runs, state]);
  }

  root.addEventListener(
    "change",
    (event) => {
      const name = event.target.dataset.choice;
      if (!name) return;
      state[name] = event.target.value;
      frame.attempt(draw);
    },
    { signal },
  );
  follow(() => frame.attempt(look), 2, signal);
}
