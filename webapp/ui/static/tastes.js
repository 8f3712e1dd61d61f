// The researchers' page on a study's tastes, followed while votes come in.

import { getJson } from "./api.js";
import { Chart, address, fill, follow, startFrame } from "./research.js";

const EVERY_S = 60; // all votes are counted each time

class TasteChart extends Chart {
  path(form) {
    return `/api/tastes/${this.name}?${this.wanted}${form ? `&form=${form}` : ""}`;
  }
}

/** Bring the page inside `root` to life. */
export function startTastes(root, signal) {
  const frame = startFrame(root, signal);
  const select = root.querySelector("[data-choice=study]");
  const charts = [...root.querySelectorAll(".k-chart")].map((section) => new TasteChart(section, signal));
  let wanted = address.read().get("study") ?? "";

  async function look() {
    const { studies } = await getJson("/api/tastes");
    frame.show(studies.length > 0, "kallos serve");
    wanted = fill(select, studies.map((each) => [each.study_id, `${each.study_id} (${each.listeners} listeners, ${each.votes} votes)`]), wanted);
    address.write({ study: wanted });
    root.querySelector("[data-part=command]").textContent = `kallos study export ${wanted} --out ${wanted}.zip`;
    for (const chart of charts) {
      await chart.draw({ study: wanted }, ({ told }) => {
        chart.emptiness = told;
        chart.part("told").textContent = told;
      });
      chart.part("told").hidden = !chart.figure;
    }
  }

  select.addEventListener(
    "change",
    () => {
      wanted = select.value;
      frame.attempt(look);
    },
    { signal },
  );
  follow(() => frame.attempt(look), EVERY_S, signal);
}
