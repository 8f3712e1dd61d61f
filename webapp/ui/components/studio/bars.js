// @ts-check
// The bars of the old piece below its roll, to be locked, and those of the new one.

/**
 * One element a bar with its number, in columns as wide as the bars are long; `bars` are the seconds they begin at, and
 * `first` is the number of the first in the music that they were read from.
 * @template {HTMLElement} Node
 * @param {HTMLElement} row
 * @param {{bars_s: number[], seconds: number, first_bar?: number | null}} piece
 * @param {(place: number, number: number) => Node} made
 * @returns {Node[]}
 */
export function lay(row, { bars_s: bars, seconds, first_bar }, made) {
  const first = first_bar ?? 1; // null where it begins with the music's own first bar
  if (!bars.length) {
    row.replaceChildren(); // a picture has none
    return [];
  }
  const lengths = bars.slice(1).map((start, index) => start - bars[index]);
  const columns = [Math.max(0, bars[0]), ...lengths, Math.max(0, seconds - bars[bars.length - 1])];
  row.style.gridTemplateColumns = columns.map((length) => `minmax(0, ${length.toFixed(3)}fr)`).join(" ");
  const nodes = lengths.map((_, index) => {
    const node = made(index, first + index);
    node.style.gridColumn = String(index + 2);
    node.textContent = String(first + index);
    return node;
  });
  row.replaceChildren(...nodes);
  return nodes;
}

/**
 * @param {number} place
 * @param {number} number
 */
export function lockOf(place, number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "k-quiet k-lock";
  button.dataset.bar = String(place);
  button.dataset.testid = `lock-bar-${place + 1}`;
  button.setAttribute("aria-label", `Lock bar ${number}`);
  return button;
}
