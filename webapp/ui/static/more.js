// More like this: what is most like a clip, a path on from it, and from each of these the same again.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { describe } from "./words.js";

class MorePage {
  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.find = (selector) => root.querySelector(selector);
    const onAction = (clip) => window.location.assign(`more?clip=${clip.clip_id}`);
    this.lists = ["similar", "path"].map(
      (name) => new ClipList(this.find(`.k-${name}`), signal, { action: "More like this", onAction }),
    );
    for (const list of this.lists) {
      list.addEventListener("play", () => this.lists.forEach((each) => each !== list && each.pause()));
    }
  }

  async start() {
    const clip = new URL(window.location.href).searchParams.get("clip");
    if (!clip) {
      this.#refuse("Pick a piece first, then look for more like it.");
      return;
    }
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        await api.hello();
        this.#show(await api.similar(clip));
        return;
      } catch (error) {
        if (error.passing === false) {
          this.#refuse(error.message);
          return;
        }
        this.find(".k-lead").textContent = "No answer from Kallos. Trying again…";
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  #show({ similar, path }) {
    if (!similar.length) {
      this.#refuse("Every other piece waits in what you are to hear next. Go on, and more will be composed.");
      return;
    }
    const named = (clips, name) =>
      clips.map((clip, index) => ({ ...clip, heading: `${name} ${index + 1}`, detail: describe(clip.traits) }));
    this.lists[0].show(named(similar, "No."));
    this.lists[1].show(named(path, "Step"));
    this.find(".k-lead").innerHTML = 'Each piece leads on to others like it. <a href="four">Back to the next four</a>';
  }

  #refuse(text) {
    this.find(".k-around").hidden = true;
    this.find(".k-lead").textContent = `${text} `;
    this.find(".k-lead").append(Object.assign(document.createElement("a"), { href: "four", textContent: "Go on listening" }));
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startMore(root, signal) {
  const page = new MorePage(root, signal);
  page.start();
  return page;
}
