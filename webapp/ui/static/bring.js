// One's own data brought from another place: the downloaded file, chosen, checked by the server, taken over.

import * as api from "./api.js";
import { capital } from "./words.js";

const LARGEST = 32 * 1024 * 1024;
const told = (error) => (error.message ? `${capital(error.message)}.` : "No connection. Please try again.");

export class Bring {
  /** `onBrought(text)` is called once this browser belongs to the listener of the file. */
  constructor(root, signal, onBrought) {
    this.section = root.querySelector(".k-bring");
    this.dialog = root.querySelector("[data-dialog=bring]");
    this.button = this.section.querySelector("[data-testid=bring]");
    this.input = this.section.querySelector("input");
    this.error = this.section.querySelector("[data-part=error]");
    this.onBrought = onBrought;
    this.button.addEventListener("click", () => this.input.click(), { signal });
    this.input.addEventListener("change", () => this.#chosen(), { signal });
  }

  async #chosen() {
    const [file] = this.input.files;
    this.input.value = ""; // the same file may be chosen again
    if (!file) return;
    this.error.textContent = "";
    if (file.size > LARGEST) {
      this.error.textContent = `“${file.name}” is larger than 32 MB; the zip file of the download is smaller.`;
      return;
    }
    await this.#bring(file, false);
  }

  async #bring(file, replace) {
    this.button.disabled = true;
    this.button.textContent = "Reading the file…";
    try {
      const { picks } = await api.bring(file, replace);
      await this.onBrought(picks === 1 ? "1 pick is back." : `${picks} picks are back.`);
    } catch (error) {
      if (error.status === 409 && !replace) this.#ask(file, told(error));
      else this.error.textContent = told(error);
    } finally {
      this.button.disabled = false;
      this.button.textContent = "Choose the file";
    }
  }

  #ask(file, what) {
    const part = (name) => this.dialog.querySelector(`[data-part=${name}]`);
    part("what").textContent = what;
    part("confirm").onclick = () => {
      this.dialog.close();
      this.#bring(file, true);
    };
    this.dialog.showModal();
  }
}
