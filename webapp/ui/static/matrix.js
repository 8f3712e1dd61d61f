// Figures by row and column as a table that is tinted like a map of heat and still read aloud cell by cell.

const MINUS = "−";
const TINT = 45; // percent at most, so that figures stay readable on it in light and dark

/** A figure as the page writes it: the larger, the fewer decimals. */
export function figure(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  const text = size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return value < 0 && Number(text) ? `${MINUS}${text}` : text;
}

const element = (tag, className = "", text = "") => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
};

/** What stands below a figure: its interval and what it is compared with. */
function beside({ low, high, baseline, chance, reference }, { compare }) {
  const parts = [];
  if (low !== null && high !== null) parts.push(`${figure(low)} to ${figure(high)}`);
  const other = { baseline, chance, reference }[compare];
  if (other !== null && other !== undefined) parts.push(`(${figure(other)})`);
  return parts.join(" ");
}

function cellOf(cell, options) {
  const made = element("td");
  if (!cell) {
    made.append(element("span", "k-hidden", "no figure"));
    return made;
  }
  made.style.setProperty("--heat", `${Math.round(cell.heat * TINT)}%`);
  if (cell.value < 0) made.classList.add("k-negative");
  if (cell.own) made.classList.add("k-own");
  made.append(element("b", "", figure(cell.value)));
  const below = beside(cell, options);
  if (below) made.append(element("small", "", below));
  return made;
}

/** Fill `table` with `{across, rows, columns, cells}`; `compare`: what stands in brackets below a figure. */
export function fillMatrix(table, { across, rows, columns, cells }, caption, options = {}) {
  const head = element("tr");
  const corner = element("th", "", across);
  corner.scope = "col";
  head.append(corner);
  for (const column of columns) {
    const made = element("th", "", column);
    made.scope = "col";
    head.append(made);
  }
  const body = rows.map((row, place) => {
    const line = element("tr");
    const name = element("th", "", row);
    name.scope = "row";
    line.append(name, ...cells[place].map((cell) => cellOf(cell, options)));
    return line;
  });
  const thead = element("thead");
  thead.append(head);
  const tbody = element("tbody");
  tbody.append(...body);
  table.replaceChildren(element("caption", "k-hidden", caption), thead, tbody);
}
