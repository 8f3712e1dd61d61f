// The card: a picture of the taste, drawn when it is asked for; its links, which can be withdrawn.

import * as api from "./api.js";
import { element } from "./scale.js";
import { capital } from "./words.js";

const when = (at) => new Date(at).toLocaleDateString([], { dateStyle: "medium" });

export class TasteCard {
  #address = ""; // of the picture in this browser

  constructor(root, signal) {
    this.section = root.querySelector(".k-card");
    this.signal = signal;
    const listen = (name, act) => this.#button(name).addEventListener("click", () => this.#attempt(name, act), { signal });
    listen("draw-card", () => this.#draw());
    listen("save-card", () => this.#save());
    listen("share-card", () => this.#share());
    signal.addEventListener("abort", () => URL.revokeObjectURL(this.#address));
  }

  /** Whether there is anything to put on a card; what was drawn of an earlier taste goes. */
  show(there) {
    this.section.hidden = !there;
    this.#part("card-picture").hidden = true;
    for (const name of ["save-card", "share-card"]) this.#button(name).hidden = true;
  }

  /** Show the links that are open. */
  async start() {
    this.#links(await api.cards.shared());
  }

  #part(name) {
    return this.section.querySelector(`[data-part=${name}]`);
  }

  #button(name) {
    return this.section.querySelector(`[data-do=${name || "none"}]`);
  }

  async #attempt(name, act) {
    const button = this.#button(name);
    if (button) button.disabled = true;
    try {
      this.#say((await act()) ?? "");
    } catch (error) {
      this.#say(capital(error.message || "That did not work. Please try again."));
    }
    if (button) button.disabled = false;
  }

  #say(text) {
    this.#part("card-said").textContent = text;
  }

  async #draw() {
    const picture = await api.cards.picture();
    URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(picture);
    this.#part("card-picture").src = this.#address;
    this.#part("card-picture").hidden = false;
    for (const name of ["save-card", "share-card"]) this.#button(name).hidden = false;
  }

  #save() {
    const anchor = element("a");
    anchor.href = this.#address;
    anchor.download = "kallos-taste.png";
    anchor.click();
  }

  async #share() {
    await api.cards.share();
    this.#links(await api.cards.shared());
    return "Whoever has the link sees the card as it is now.";
  }

  #links(shared) {
    this.#part("card-links").replaceChildren(
      ...shared.map(({ card_id: id, url, created_at: at }) => {
        const row = element("li", "k-card-link");
        const link = element("a", "", url.replace(/^https?:\/\//, ""));
        link.href = url;
        const copy = element("button", "k-quiet k-small", "Copy link");
        copy.type = "button";
        copy.setAttribute("aria-label", `Copy the link of ${when(at)}`);
        copy.addEventListener("click", () => this.#copy(copy, url), { signal: this.signal });
        const withdraw = element("button", "k-quiet k-small", "Withdraw");
        withdraw.type = "button";
        withdraw.setAttribute("aria-label", `Withdraw the link of ${when(at)}`);
        withdraw.addEventListener("click", () => this.#attempt("", () => this.#withdraw(id)), { signal: this.signal });
        row.append(link, element("span", "", when(at)), copy, withdraw);
        return row;
      }),
    );
  }

  async #copy(button, url) {
    try {
      await navigator.clipboard.writeText(url);
      button.textContent = "Copied";
      this.#say("The link is copied.");
    } catch {
      this.#say("This browser lets no page copy. Copy the address of the link beside the button instead.");
    }
  }

  async #withdraw(id) {
    await api.cards.withdraw(id);
    this.#links(await api.cards.shared());
    (this.#part("card-links").querySelector("button") ?? this.#button("draw-card")).focus();
    return "Withdrawn. The link leads nowhere now.";
  }
}
