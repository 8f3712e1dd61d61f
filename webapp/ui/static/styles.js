// The styles page: what was measured of the model, table by table, and a walk along one style.

import * as api from "./api.js";
import { Codes } from "./codes.js";
import { Chart, address, fill } from "./research.js";
import { fillMatrix } from "./matrix.js";
import { Walk } from "./walk.js";
import { capital } from "./words.js";

// what stands in brackets below the figures of a table
const COMPARED = {
  swaps: "baseline", drift: "baseline", after: "baseline", information: "chance", reading: "baseline", canonical: "chance",
  both: "chance", rates: "reference", codes: "reference", curiosity: "baseline",
};

const short = (digest) => (digest ?? "").slice(0, 12);

/** Where the figures of a table come from. */
function told({ command, model_version: version, model_sha256: sha256, data_hash: data, data_n: count, commit, seed, log }) {
  if (log) return `From the log ${log}.`;
  return (
    `${command} of ${version} (weights ${short(sha256)}) on ${count} clips (data ${data}), ` +
    `commit ${short(commit)}, seed ${seed}.`
  );
}

function show(section, table) {
  const part = (selector) => section.querySelector(selector);
  const title = part("h2").textContent;
  part(".k-matrix").hidden = !table.about;
  part(".k-fill").hidden = Boolean(table.about);
  part(".k-fill code").textContent = table.fill;
  part("[data-part=csv]").hidden = !table.about;
  part("[data-part=told]").hidden = !table.told;
  part("[data-part=told]").textContent = table.told;
  part("[data-part=about]").textContent = "";
  if (!table.about) return;
  fillMatrix(part("table"), table, title, { compare: COMPARED[table.name] });
  part("[data-part=about]").textContent = told(table.about);
  if (table.current) return;
  const warning = document.createElement("strong");
  warning.textContent = ` These are other weights than the ones that play. This measures those: ${table.fill}`;
  part("[data-part=about]").append(warning);
}

class HardestChart extends Chart {
  path(form) {
    return `/api/styles/hardest?${this.wanted}${form ? `&form=${form}` : ""}`;
  }
}

/** The tables over training and their chart, of the run that is chosen. */
class Training {
  constructor(root, signal, onTrouble) {
    this.root = root;
    this.select = root.querySelector("[data-choice=run]");
    this.chart = new HardestChart(root.querySelector("[data-plot=hardest]"), signal);
    const choose = async () => {
      try {
        address.write({ run: this.select.value });
        await this.show(await api.styles(this.select.value));
        onTrouble("");
      } catch (error) {
        onTrouble(capital(error.message || "that did not work."));
      }
    };
    this.select.addEventListener("change", choose, { signal });
  }

  async show({ tables, run, runs }) {
    fill(this.select, runs, run);
    for (const table of tables) {
      const section = this.root.querySelector(`[data-table="${table.name}"]`);
      if (!section) continue;
      show(section, table);
      const csv = section.querySelector("[data-part=csv]");
      csv.href = `${csv.href.split("?")[0]}?run=${encodeURIComponent(run)}`;
    }
    await this.chart.draw({ run }, ({ told }) => (this.chart.emptiness = told));
  }
}

/** Go to the table that the address names, once it is there. */
function goTo(root) {
  const name = window.location.hash.slice(1);
  const section = name && root.querySelector(`:is(section, div)[id="${CSS.escape(name)}"]`);
  if (!section) return;
  section.scrollIntoView();
  section.querySelector("h2").focus({ preventScroll: true }); // a chart's title takes no focus, which does no harm
}

async function run(root, signal) {
  const trouble = root.querySelector("[data-part=trouble]");
  const training = new Training(root, signal, (text) => (trouble.textContent = text));
  const walk = new Walk(root, signal, () => codes.pause());
  const codes = new Codes(root, signal, () => walk.clips.pause());
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const listener = await api.hello();
      const found = await api.styles(address.read().get("run") ?? "");
      trouble.textContent = "";
      const drawn = training.show(found);
      goTo(root);
      walk.begin(found.walks, listener.domain);
      codes.look();
      await drawn;
      return;
    } catch (error) {
      if (error.passing === false) {
        trouble.textContent = capital(error.message || "that did not work. Please load the page again.");
        return;
      }
      trouble.textContent = "Kallos does not answer. Trying again…";
      await api.pause(api.backOffS(attempt, error));
    }
  }
}

/** Bring the page inside `root` to life until `signal` aborts. */
export function startStyles(root, signal) {
  window.addEventListener("hashchange", () => goTo(root), { signal });
  run(root, signal);
}
