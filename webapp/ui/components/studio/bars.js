// @ts-check
// The bars of the old piece below its roll, to be locked, and those of the new one.

/**
 * One element a bar with its number, in columns as wide as the bars are long; `bars` are the seconds they begin at.
 * @template {HTMLElement} Node
 * @param {HTMLElement} row
 * @param {{bars_s: number[], seconds: number}} piece
 * @param {(number: number) => Node} made
 * @returns {Node[]}
 */
export function lay(row, { bars_s: bars, seconds }, made) {
  const lengths = bars.slice(1).map((start, index) => start - bars[index]);
  const columns = [Math.max(0, bars[0]), ...lengths, Math.max(0, seconds - bars[bars.length - 1])];
  row.style.gridTemplateColumns = columns.map((length) => `minmax(0, ${length.toFixed(3)}fr)`).join(" ");
  const nodes = lengths.map((_, index) => {
    const node = made(index + 1);
    node.style.gridColumn = String(index + 2);
    node.textContent = String(index + 1);
    return node;
  });
  row.replaceChildren(...nodes);
  return nodes;
}

/** @param {number} number */
export function lockOf(number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "k-quiet k-lock";
  button.dataset.bar = String(number - 1);
  button.dataset.testid = `lock-bar-${number}`;
  button.setAttribute("aria-label", `Lock bar ${number}`);
  return button;
}
