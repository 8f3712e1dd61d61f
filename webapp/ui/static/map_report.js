// What is told about a map beside its picture, and the map as a table to take along.

import { capital } from "./words.js";

const figure = (value) => (value === null ? "–" : value.toFixed(2).replace(/^-(0\.0+)$/, "$1"));

/** How true the neighbourhoods of the picture are, in a sentence. */
export function trust({ quality, points, left_out: left }) {
  const missing = left?.pieces ? ` ${left.pieces.toLocaleString()} pieces ${left.why} are not on it.` : "";
  const { value, chance } = quality.trustworthiness;
  return (
    `Trustworthiness ${figure(value)} (chance ${figure(chance)}, perfect 1): how rarely points that lie together here ` +
    `are strangers in the original space. ${points.toLocaleString()} points.${missing}`
  );
}

/** One row of the table a colouring. */
export function qualityRows({ quality, colours }) {
  return colours.map((name) => {
    const row = document.createElement("tr");
    const { purity, purity_in_picture: drawn, silhouette } = quality.colours[name];
    row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: capital(name) }));
    for (const each of [purity.value, purity.chance, drawn.value, silhouette.value, silhouette.chance]) {
      row.append(Object.assign(document.createElement("td"), { textContent: figure(each) }));
    }
    return row;
  });
}

/** What it takes to draw the same map again. */
export function origin({ model_version: model, data_hash: data, seed, commit, drawn_at: at }) {
  const drawn = new Date(at).toLocaleString();
  return `Model ${model} · data ${data} · seed ${seed} · commit ${(commit ?? "unknown").slice(0, 8)} · drawn ${drawn}`;
}

/** The points with their places and labels; the first line says which map they are of. */
export function csv(map, { x, y, text, colours }) {
  const names = Object.keys(colours);
  const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const label = (name, row) => colours[name].labels[colours[name].codes[row]] ?? "";
  const lines = x.map((_, row) => [x[row], y[row], quoted(text[row]), ...names.map((name) => quoted(label(name, row)))].join(","));
  return [`# map ${map.map_id}: ${origin(map)}`, ["x", "y", "text", ...names].join(","), ...lines, ""].join("\n");
}
