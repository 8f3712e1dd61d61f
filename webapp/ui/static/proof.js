// Is it personal: how often pieces composed for this listener won over others, blind among the usual pairs.

import * as api from "./api.js";
import { element, scale } from "./scale.js";
import { percent } from "./words.js";

const RIVALS = {
  average: { named: "pieces composed for the average listener here", better: "It is your taste, not everybody's." },
  drawn: { named: "pieces composed for nobody in particular", better: "Composing for your taste helps." },
};

function verdict({ low, high }, better) {
  if (low > 0.5) return better;
  if (high < 0.5) return "The others were better: something in what we learned is wrong.";
  return "That decides nothing yet.";
}

function rivalBlock(rival, rate) {
  const { named, better } = RIVALS[rival];
  const { won, equal, lost, value, low, high } = rate;
  const block = element("div", "k-proof");
  block.dataset.testid = `proof-${rival}`;
  const n = won + equal + lost;
  const even = equal ? `, ${equal} even` : "";
  const told =
    `Against ${named} yours won ${won} of ${n} blind pair${n === 1 ? "" : "s"}${even}: ${percent(value)} ` +
    `(95 %: ${percent(low)} to ${percent(high)}, whenever you look). Tossing a coin: 50 %. ${verdict(rate, better)}`;
  const line = scale({ value: value * 100, low: low * 100, high: high * 100, className: "k-scale k-share" });
  const coin = element("span", "k-chance");
  coin.style.left = "50%";
  line.append(coin);
  block.append(element("p", "k-figure-text", told), line);
  return block;
}

/** What is missing where there is nothing to count yet. */
function missing(rival, { others, others_needed: needed }) {
  if (rival === "average" && others < needed) {
    const there = others ? `only ${others}` : "none";
    return (
      `No average listener yet: it takes ${needed} others who vote here, and there ${others === 1 ? "is" : "are"} ${there}. ` +
      "From then on pieces composed for the average listener come along."
    );
  }
  return (
    `Not tested yet against ${RIVALS[rival].named}. Ask for a gift below: such a piece comes along, and some of your ` +
    "next pairs hold it against yours. Nothing tells which."
  );
}

/** Show the win rates in `place`. */
export async function showProof(place) {
  const proof = await api.proof();
  place.replaceChildren(
    ...Object.keys(RIVALS).map((rival) =>
      proof[rival].value === null ? element("p", "k-explain", missing(rival, proof)) : rivalBlock(rival, proof[rival]),
    ),
  );
}
