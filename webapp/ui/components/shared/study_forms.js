// @ts-check
// What a participant reads and fills in. Texts are a researcher's: they are shown as text, never as markup.

/**
 * @param {string} name
 * @param {string} [text]
 * @param {Record<string, string>} [attributes]
 */
export function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** @param {string} text with an empty line between paragraphs */
export const paragraphs = (text) => text.split(/\n\s*\n/).map((each) => element("p", each.trim()));

/**
 * What the study is about, how old somebody is, and whether they agree.
 * @param {any} about
 */
export function information(about) {
  const form = /** @type {HTMLFormElement} */ (element("form", "", { class: "k-study-form" }));
  const age = element("label", "How old are you, in years?");
  age.append(element("input", "", { name: "age", type: "number", inputmode: "numeric", min: "0", max: "120", required: "", "data-testid": "study-age" }));
  const consent = element("label", "", { class: "k-study-check" });
  consent.append(element("input", "", { name: "consent", type: "checkbox", required: "", "data-testid": "study-consent" }), element("span", about.consent));
  form.append(
    element("h1", about.title),
    element("p", `About ${about.minutes} ${about.minutes === 1 ? "minute" : "minutes"}.`, { class: "k-study-minutes" }),
    ...paragraphs(about.information),
    ...(about.contact ? [element("p", `Questions: ${about.contact}`)] : []),
    age,
    consent,
    element("button", "Take part", { class: "k-solid", "data-testid": "study-join" }),
  );
  return form;
}

/**
 * A questionnaire.
 * @param {any} step
 */
export function choices(step) {
  const form = /** @type {HTMLFormElement} */ (element("form", "", { class: "k-study-form" }));
  const title = step.part === "before" ? "A few questions first" : "A few last questions";
  form.append(element("h1", title), ...step.questions.map(asked), element("button", "Go on", { class: "k-solid", "data-testid": "study-answer" }));
  return form;
}

/** @param {any} question */
function asked(question) {
  const name = String(question.number);
  /** @type {Record<string, string>} */
  const needed = question.required ? { required: "" } : {};
  const text = question.required ? question.text : `${question.text} (you may leave this out)`;
  if (question.kind === "choice" || question.kind === "scale") return several(question, name, text, needed);
  const label = element("label", text);
  const bounds = { type: "number", inputmode: "decimal", step: "any", min: String(question.low), max: String(question.high) };
  label.append(question.kind === "number" ? element("input", "", { name, ...bounds, ...needed }) : element("textarea", "", { name, rows: "3", maxlength: "2000", ...needed }));
  return label;
}

/**
 * @param {any} question
 * @param {string} name
 * @param {string} text
 * @param {Record<string, string>} needed
 */
function several(question, name, text, needed) {
  const scale = question.kind === "scale";
  const field = element("fieldset", "", scale ? { class: "k-study-scale" } : {});
  const points = Array.from({ length: scale ? question.high - question.low + 1 : 0 }, (_, step) => String(question.low + step));
  const row = element("div");
  for (const value of scale ? points : question.answers) {
    const label = element("label", "", { class: "k-study-check" });
    label.append(element("input", "", { name, type: "radio", value, ...needed }), element("span", value));
    row.append(label);
  }
  field.append(element("legend", text), row);
  if (scale && (question.low_label || question.high_label)) {
    const ends = element("p", "", { class: "k-study-ends" });
    ends.append(element("span", `${points[0]}: ${question.low_label}`), element("span", `${points.at(-1)}: ${question.high_label}`));
    field.append(ends);
  }
  return field;
}

/** What a clip's mood is rated by: the name of a slider, and what its ends mean. */
const MOOD_SLIDERS = [
  ["valence", "sad", "happy"],
  ["arousal", "calm", "lively"],
];

/**
 * A clip whose mood is rated: a button that plays it, and a slider each for valence and arousal.
 * @param {any} step
 */
export function moodForm(step) {
  const form = /** @type {HTMLFormElement} */ (element("form", "", { class: "k-study-form k-study-mood" }));
  const asks = element("p", step.trial.asks, { class: "k-study-asks", role: "alert" });
  asks.hidden = !step.trial.asks;
  const far = element("progress", "", { "aria-label": "How far you are", max: String(step.of), value: String(step.done) });
  const play = element("button", "Play", { type: "button", class: "k-solid", "data-part": "play", "data-testid": "study-play", disabled: "" });
  const sliders = MOOD_SLIDERS.map(([name, low, high]) => {
    const field = element("div", "", { class: "k-study-slider" });
    const slider = element("input", "", { name, type: "range", min: "-100", max: "100", value: "0", "aria-label": `From ${low} to ${high}`, "data-testid": `study-${name}` });
    field.append(element("span", low), slider, element("span", high));
    return field;
  });
  form.append(
    element("h1", step.question),
    asks,
    far,
    element("p", `Clip ${step.done + 1} of ${step.of}`, { class: "k-study-place", "data-part": "clip" }),
    play,
    ...sliders,
    element("button", "Go on", { class: "k-solid", "data-part": "go", "data-testid": "study-rate", disabled: "" }),
    element("p", "", { class: "k-study-hint", "data-part": "hint", role: "status" }),
  );
  return form;
}

/**
 * Thanks, the way back to a panel, and the way out.
 * @param {any} step
 * @param {string} link withdraws
 * @param {() => void} withdraw
 */
export function thanks(step, link, withdraw) {
  const room = element("section", "", { "data-testid": "study-thanks" });
  room.append(element("h1", "Thank you"), ...paragraphs("Your answers are stored. You are done."));
  if (step.completion_url) room.append(element("a", "Confirm that you have finished", { class: "k-solid", href: step.completion_url, rel: "noreferrer", "data-testid": "study-complete" }));
  room.append(element("h2", "If you change your mind"), ...paragraphs("Keep this link: it deletes all of your answers, at any time. Nobody can do that without it, since nobody knows which answers are yours."));
  const field = /** @type {HTMLInputElement} */ (element("input", "", { type: "text", readonly: "", value: link, "aria-label": "Link to withdraw", "data-testid": "study-link" }));
  field.addEventListener("focus", () => field.select());
  const out = element("button", "Delete my answers now", { type: "button", class: "k-quiet", "data-testid": "study-withdraw-now" });
  out.addEventListener("click", withdraw);
  room.append(field, out);
  return room;
}
