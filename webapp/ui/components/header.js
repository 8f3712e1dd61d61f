// @ts-check
// The menu in the header: another device, a copy of one's data, and deleting it all.

import * as api from "./shared/api.js";
import { dress } from "./shared/dress.js";
import "./shared/focus.js"; // which must see where the focus is before a sheet opens
import { whileOn } from "./shared/lifetime.js";
import { offerLink } from "./shared/link_dialog.js";
import { saveAs } from "./shared/save.js";

const sorry = (/** @type {api.ApiError} */ error) =>
  error.message || (error.status === 0 ? "No connection. Please try again." : "That did not work. Please try again.");

class Header {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.menu = /** @type {HTMLDetailsElement} */ (root.querySelector(".k-menu"));
    /** @type {Record<string, () => void | Promise<void>>} */
    const actions = { link: () => this.#link(), export: () => this.#export(), delete: () => this.#delete() };
    for (const button of this.menu.querySelectorAll("button")) {
      button.addEventListener("click", () => this.#act(actions[button.dataset.do ?? ""]));
    }
    for (const dialog of root.querySelectorAll("dialog")) {
      dialog.querySelector("[data-part=close]")?.addEventListener("click", () => dialog.close());
    }
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.menu.open = false;
      this.menu.querySelector("summary")?.focus();
    });
    whileOn(root, document, "click", (event) => this.menu.contains(event.target) || (this.menu.open = false));
    whileOn(root, document, "click", takeAlong);
  }

  /** @param {() => void | Promise<void>} action */
  async #act(action) {
    const said = this.root.querySelector("[data-part=said]");
    this.menu.open = false;
    try {
      await action();
      if (said) said.textContent = "";
    } catch (error) {
      if (said) said.textContent = sorry(/** @type {api.ApiError} */ (error));
    }
  }

  /** @param {string} name */
  #dialog(name) {
    const dialog = /** @type {HTMLDialogElement} */ (this.root.querySelector(`[data-dialog=${name}]`));
    const part = (/** @type {string} */ which) => /** @type {HTMLElement} */ (dialog.querySelector(`[data-part=${which}]`));
    return { dialog, part };
  }

  async #link() {
    const { dialog, part } = this.#dialog("link");
    const { url, expires_at: expiresAt } = await api.link();
    const time = new Date(expiresAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    part("expires").textContent = `It works until ${time}.`;
    offerLink(dialog, url);
  }

  async #export() {
    saveAs(await api.download(), "listener", "zip");
  }

  #delete() {
    const { dialog, part } = this.#dialog("delete");
    const confirm = /** @type {HTMLButtonElement} */ (part("confirm"));
    const keep = /** @type {HTMLButtonElement} */ (part("close"));
    part("error").textContent = "";
    dialog.oncancel = (event) => confirm.disabled && event.preventDefault(); // it goes on, so nobody leaves it
    confirm.onclick = async () => {
      confirm.disabled = keep.disabled = true;
      document.body.classList.add("k-gone"); // from here on whatever this page asks for is nobody's: see header.css
      try {
        await api.forget();
        confirm.disabled = keep.disabled = false;
        deleted(dialog);
      } catch (error) {
        document.body.classList.remove("k-gone");
        part("error").textContent = sorry(/** @type {api.ApiError} */ (error));
        confirm.disabled = keep.disabled = false;
      }
    };
    dialog.showModal();
  }
}

/**
 * Say that it is done; whatever this page shows is nobody's any more, so closing leads to a new beginning.
 * @param {HTMLDialogElement} dialog
 */
function deleted(dialog) {
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (dialog.querySelector(selector));
  part("h2").textContent = "Everything is deleted";
  part("p").textContent = "Your picks, what was learned from them, what was made for you and your Studio are gone.";
  part("p").setAttribute("role", "status");
  part("[data-part=confirm]").hidden = true;
  part("[data-part=close]").textContent = "Start afresh";
  part("[data-part=close]").focus();
  dialog.addEventListener("close", () => window.location.assign("./"));
  if (!dialog.open) dialog.showModal(); // some browsers close one at the second press of Escape, whatever is prevented
}

/**
 * A frame that keeps nothing would forget who is listening on the way to the next page.
 * @param {MouseEvent} event
 */
function takeAlong(event) {
  const anchor = event.target instanceof Element && event.target.closest("a[href]");
  const token = api.travellingToken();
  if (token && anchor instanceof HTMLAnchorElement && anchor.origin === window.location.origin) anchor.hash = `token=${token}`;
}

/** @param {{element: HTMLElement}} component */
export async function start({ element }) {
  const header = new Header(/** @type {HTMLElement} */ (element.querySelector(".kallos")));
  await dress(element, import.meta.url, "header.css");
  for (const current of header.root.querySelectorAll("nav [aria-current]")) {
    current.scrollIntoView({ block: "nearest", inline: "center" }); // on a narrow screen
  }
}
