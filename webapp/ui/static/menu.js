// The menu in the header: another device, a copy of one's data, and deleting it all.

import * as api from "./api.js";
import { offerLink } from "./link_dialog.js";

const sorry = (error) =>
  error.message || (error.status === 0 ? "No connection. Please try again." : "That did not work. Please try again.");

async function showLink(root) {
  const dialog = root.querySelector("[data-dialog=link]");
  const { url, expires_at: expiresAt } = await api.link();
  const time = new Date(expiresAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  dialog.querySelector("[data-part=expires]").textContent = `It works until ${time}.`;
  offerLink(dialog, url);
}

async function exportData() {
  const address = URL.createObjectURL(await api.download());
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = "kallos-listener.zip";
  anchor.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function askToDelete(root) {
  const dialog = root.querySelector("[data-dialog=delete]");
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  part("error").textContent = "";
  part("confirm").onclick = async () => {
    part("confirm").disabled = true;
    try {
      await api.forget();
      window.location.assign("./");
    } catch (error) {
      part("error").textContent = sorry(error);
      part("confirm").disabled = false;
    }
  };
  dialog.showModal();
}

/** Wake the header's menu and the links between pages inside `root`. */
export function startMenu(root, signal) {
  const menu = root.querySelector(".k-menu");
  root.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a narrow screen
  const say = (text) => {
    root.querySelector(".k-status").textContent = text;
  };
  const actions = { link: showLink, export: exportData, delete: askToDelete };
  for (const button of menu.querySelectorAll("[data-do]")) {
    button.addEventListener(
      "click",
      async () => {
        menu.open = false;
        try {
          await actions[button.dataset.do](root);
        } catch (error) {
          say(sorry(error));
        }
      },
      { signal },
    );
  }
  for (const dialog of root.querySelectorAll("dialog")) {
    dialog.querySelector("[data-part=close]").addEventListener("click", () => dialog.close(), { signal });
  }
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false), { signal });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  }, { signal });
  // a frame that keeps nothing would forget who is listening on the way to the next page
  root.addEventListener("click", (event) => {
    const anchor = event.target.closest("a[href]");
    const token = api.travellingToken();
    if (anchor && token) anchor.hash = `token=${token}`;
  }, { signal });
}
