// @ts-check
// What stands below a chart: where it comes from, and buttons that make a PNG, an SVG or a CSV of it.

import { getJson, resolve } from "./shared/api.js";
import { dress } from "./shared/dress.js";

const WIDTH = 1000;
const HEADING_PX = 48;

/**
 * @param {string} href
 * @param {string} name
 */
function download(href, name) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.download = name;
  anchor.click();
}

/**
 * @param {Record<string, string | undefined>} what
 * @param {string} address
 */
async function take({ take: form = "", file = "", title = "" }, address) {
  if (form === "csv") return download(resolve(`${address}&form=csv`), file);
  const { data, layout } = (await getJson(address)).figure;
  const { t = 0 } = layout.margin;
  const onPaper = {
    ...layout,
    paper_bgcolor: "white",
    font: { ...layout.font, family: "sans-serif", color: "black" }, // a picture has no fonts of the page in it
    margin: { ...layout.margin, l: 40, t: t + HEADING_PX },
    title: { text: title, font: { size: 20 }, x: 0.01, xanchor: "left", y: 0.98, yanchor: "top" },
  };
  const size = { format: form, width: WIDTH, height: layout.height + HEADING_PX, scale: form === "png" ? 2 : 1 };
  const { Plotly } = /** @type {any} */ (window); // Gradio's own, which has drawn the chart
  return download(await Plotly.toImage({ data, layout: onPaper }, size), file);
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, props, watch }) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`[data-part=${name}]`));
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (element.querySelectorAll("[data-take]"));
  for (const button of buttons) button.addEventListener("click", () => take(button.dataset, props.value.address));
  const show = () => {
    if (!props.value) return;
    const { source, empty } = props.value;
    part("source").textContent = source;
    part("empty").textContent = empty;
    part("empty").hidden = !empty;
    for (const button of buttons) button.disabled = Boolean(empty);
    const plot = document.getElementById(`plot-${element.querySelector("[data-chart]")?.getAttribute("data-chart")}`);
    plot?.setAttribute("role", "img"); // whose figures the sentence below and the CSV tell
    plot?.setAttribute("aria-label", `${buttons[0].dataset.title}, chart`);
  };
  watch("value", show);
  show();
  await dress(element, import.meta.url, "chart_exports.css");
}
