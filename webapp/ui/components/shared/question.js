// @ts-check
// A question that the page has to ask before it can go on.

/**
 * Ask, and wait for the answer: true for `yes`; false for `no`, or where the dialog was left. Without a `no` there is
 * nothing to choose, only something to know first.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @param {string} [no]
 * @returns {Promise<boolean>}
 */
export function question(title, text, yes, no) {
  const around = document.createElement("div");
  around.className = "kallos";
  around.innerHTML = `<dialog class="k-dialog" aria-labelledby="k-question" aria-describedby="k-question-text">
    <h2 id="k-question"></h2><p id="k-question-text"></p>
    <div class="k-dialog-row">
      <button type="button" class="k-quiet" value="no"></button>
      <button type="button" class="k-solid" value="yes"></button>
    </div></dialog>`;
  const part = (/** @type {string} */ which) => /** @type {HTMLElement} */ (around.querySelector(which));
  part("h2").textContent = title;
  part("p").textContent = text;
  part("[value=yes]").textContent = yes;
  part("[value=no]").textContent = no ?? "";
  part("[value=no]").hidden = !no;
  document.body.append(around);
  const dialog = /** @type {HTMLDialogElement} */ (part("dialog"));
  return new Promise((answered) => {
    for (const button of around.querySelectorAll("button")) {
      button.addEventListener("click", () => dialog.close(button.value));
    }
    dialog.addEventListener("close", () => {
      around.remove();
      answered(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
