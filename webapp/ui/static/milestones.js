// What the first picks have brought, in one quiet line: a first guess after 3, a clip of their own after 6, a page to read after 10.

import { composing, taste } from "./api.js";
import { leaning, strongest } from "./words.js";

async function firstGuess() {
  const { styles } = await taste();
  const style = strongest(styles);
  if (!style) return "Nothing stands out in your picks so far.";
  return `A first guess: ${leaning(style)}. The next picks will tell.`;
}

async function firstClip() {
  const { clips } = await composing();
  if (clips.some((clip) => clip.met)) return "One of the clips you have compared was composed for you.";
  if (clips.length) return "A clip composed for you waits in your next pairs. Which one stays a secret.";
  return "A clip is being composed for you. You will meet it blind in one of your pairs.";
}

/** Write the line that fits this many picks into `line`; silent where the server has nothing to say. */
export async function milestone(line, picks) {
  try {
    if (picks >= 10) {
      line.innerHTML = 'Ten picks make a picture: <a href="taste">see what you seem to love</a>.';
    } else if (picks >= 6) line.textContent = await firstClip();
    else if (picks >= 3) line.textContent = await firstGuess();
  } catch {
    // a line that is only nice to have
  }
}
