// @ts-check
// Rows of words with buttons; where rows are added below the keyboard goes on with the first of them.

import { dress } from "./shared/dress.js";

/**
 * @typedef {{name: string, label: string, described: string, copies: string, test_id: string}} Action
 * @typedef {{text: string, heading: string, at: string, link: string, remark: string, actions: Action[], data: any}} Row
 */

/** @param {import("./shared/types.d.ts").GradioComponent<Row[]>} component */
export async function start({ element, props, watch, trigger }) {
  const list = /** @type {HTMLElement} */ (element.querySelector(".k-rows"));
  const style = /** @type {Intl.DateTimeFormatOptions} */ (props.dates_only ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });

  const button = (/** @type {Row} */ row, /** @type {Action} */ action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "k-quiet";
    made.textContent = action.label;
    if (action.described) made.setAttribute("aria-label", action.described);
    if (action.test_id) made.dataset.testid = action.test_id;
    made.addEventListener("click", async () => {
      if (action.copies) made.textContent = await copied(action.copies);
      trigger("act", { name: action.name, data: row.data });
    });
    return made;
  };

  const drawn = (/** @type {Row} */ row) => {
    const node = document.createElement("li");
    const text = document.createElement("span");
    if (row.heading) text.append(Object.assign(document.createElement("b"), { textContent: row.heading }), " ");
    text.append(row.link ? Object.assign(document.createElement("a"), { href: row.link, textContent: row.text }) : row.text, " ");
    if (row.at) text.append(Object.assign(document.createElement("time"), { dateTime: row.at, textContent: new Date(row.at).toLocaleString([], style) }));
    node.append(text);
    if (row.remark) node.append(Object.assign(document.createElement("span"), { className: "k-remark", textContent: row.remark }));
    const buttons = Object.assign(document.createElement("span"), { className: "k-row-buttons" });
    buttons.append(...row.actions.map((action) => button(row, action)));
    node.append(buttons);
    return node;
  };

  /** @type {Row[]} */
  let shown = [];
  const show = () => {
    const rows = props.value ?? [];
    const added = shown.length > 0 && rows.length > shown.length && rows[0].data === shown[0].data;
    list.replaceChildren(...rows.map(drawn));
    if (added) list.children[shown.length].querySelector("button")?.focus();
    shown = rows;
  };
  watch("value", show);
  show();
  await dress(element, import.meta.url, "action_list.css");
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Copy the link beside this"; // a frame may be denied the clipboard
  }
}
