// A best guess with its interval on a line, and small pieces of a page.

export const Z95 = 1.96;

export const element = (tag, className, text = "") => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
};

/** The line; places are per cent of its length, `told` says the same to whoever can't see it. */
export function scale({ value, low, high, told = "", className = "k-scale" }) {
  const line = element("div", className);
  const range = element("span", "k-range");
  range.style.left = `${low}%`;
  range.style.width = `${high - low}%`;
  const guess = element("span", "k-guess");
  guess.style.left = `${value}%`;
  line.append(range, guess);
  if (told) {
    line.setAttribute("role", "img");
    line.setAttribute("aria-label", told);
  } else line.setAttribute("aria-hidden", "true");
  return line;
}
