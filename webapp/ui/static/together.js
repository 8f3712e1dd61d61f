// Music for two: agree by a link, hear what was composed for both, and see where the two tastes part.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { capital, percent, poles, styleName } from "./words.js";

const Z95 = 1.96;
const POLL_S = { busy: 1.5, open: 3, agreed: 15 };
const ENDED = "Music for two was ended, and what was composed for both is gone.";
/** "slower than they do", but "with wide leaps more than they do". */
const more = (word) => (word.startsWith("with ") ? " more" : "");
const WORDS = {
  part: ({ you, they }) => `You like it ${you.word}, they ${they.word}`,
  you_more: ({ you }) => `You like it ${you.word}${more(you.word)} than they do`,
  they_more: ({ they }) => `They like it ${they.word}${more(they.word)} than you do`,
  both: ({ you }) => `You both like it ${you.word}`,
  open: () => "Open",
};

const element = (tag, className, text = "") => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
};
const sentence = ({ effect, sd, word }) =>
  Math.abs(effect) > Z95 * sd ? `like it ${word}` : "can not be told yet";

/** Where one of the two stands between the poles, with the range that holds the truth 95 times in 100. */
function marker(who, { effect, sd }, span) {
  const place = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  const range = element("span", `k-range k-${who}`);
  range.style.left = `${place(effect - Z95 * sd)}%`;
  range.style.width = `${place(effect + Z95 * sd) - place(effect - Z95 * sd)}%`;
  const guess = element("span", `k-guess k-${who}`);
  guess.style.left = `${place(effect)}%`;
  return [range, guess];
}

function styleRow(row, span) {
  const { style, attribute, verdict, you, they } = row;
  const [less, more] = poles(attribute);
  const node = element("div", "k-style k-beside");
  node.dataset.testid = `beside-${style}`;
  if (verdict === "part") node.classList.add("k-decided");
  const scale = element("div", "k-scale");
  scale.setAttribute("role", "img");
  scale.setAttribute("aria-label", `${less} to ${more}: you ${sentence(you)}, they ${sentence(they)}`);
  scale.append(...marker("they", they, span), ...marker("you", you, span));
  node.append(
    element("h3", "", capital(styleName(style))),
    element("p", "k-words", WORDS[verdict](row)),
    scale,
    element("span", "k-pole k-less", less),
    element("span", "k-pole k-more", more),
  );
  return node;
}

const heading = ({ domain }, index) => `${{ pop: "Piano", dance: "Dance tune", chorale: "Chorale" }[domain]} ${index}`;

/** One agreement: its chart, its pieces and its buttons. */
class DuetSection {
  constructor(page, signal) {
    this.page = page;
    this.node = element("section", "k-duet");
    this.node.innerHTML = `
      <div class="k-duet-head"><h2>You two</h2><p class="k-explain"></p>
        <button type="button" class="k-quiet k-small" data-part="end" data-testid="end">End this</button></div>
      <div class="k-duet-columns">
        <div><h3 class="k-duet-title">Composed for both</h3><div class="k-duet-pieces"></div>
          <p class="k-compose-text" aria-live="polite"></p>
          <button type="button" class="k-solid" data-part="compose" data-testid="compose-both">Compose for both</button></div>
        <div><h3 class="k-duet-title">Where your tastes part</h3>
          <p class="k-explain"><i class="k-dot k-you"></i> you <i class="k-dot k-they"></i> they, each with the range that
            we are 95&nbsp;% sure of.</p><div class="k-duet-styles"></div></div>
      </div>`;
    this.find = (selector) => this.node.querySelector(selector);
    this.pieces = new ClipList(this.find(".k-duet-pieces"), signal);
    this.pieces.addEventListener("play", () => page.only(this));
    this.find("[data-part=compose]").addEventListener("click", () => page.compose(this), { signal });
    this.find("[data-part=end]").addEventListener("click", () => page.askToEnd(this), { signal });
  }

  show(duet) {
    this.duet = duet;
    const since = new Date(duet.agreed_at).toLocaleDateString([], { dateStyle: "medium" });
    const { you, they } = duet.picks;
    this.find(".k-duet-head p").textContent = `Since ${since}. Learned from ${you} picks of yours and ${they} of theirs.`;
    const span = Math.max(0.5, ...duet.styles.flatMap((row) => [row.you, row.they].map((e) => Math.abs(e.effect) + Z95 * e.sd)));
    this.find(".k-duet-styles").replaceChildren(...duet.styles.map((row) => styleRow(row, span)));
    const count = duet.pieces.length;
    this.pieces.show(
      duet.pieces.map((piece, index) => ({
        ...piece,
        heading: heading(piece, count - index),
        detail: `you ${percent(piece.chance.you)} · they ${percent(piece.chance.they)}`,
      })),
    );
    const known = you > 0 && they > 0;
    this.find(".k-compose-text").textContent = known || count ? this.#told(duet.job, count) : this.#lacking(you);
    this.find("[data-part=compose]").disabled = this.busy || !known;
  }

  get busy() {
    return ["waiting", "running"].includes(this.duet?.job?.state);
  }

  #lacking(you) {
    return you ? "They have not picked anything yet. Once they have, pieces can be composed for both." :
      "You have not picked anything yet. Compare a few pieces first, then some can be composed for both.";
  }

  #told(job, count) {
    if (job?.state === "waiting") return "In the queue…";
    if (job?.state === "running") {
      const { pieces = 0, of = 3 } = job.progress ?? {};
      return pieces ? `Composing for both: ${pieces} of ${of} are there…` : "Searching for what both of you would like…";
    }
    if (job?.state === "failed") return "Composing failed this time. Please try again.";
    if (!count) return "Pieces that should please both of you, neither at the other's cost.";
    return "The figures: how likely each of you finds the piece more beautiful than a usual one, carefully guessed.";
  }
}

class TogetherPage {
  #sections = new Map(); // duet_id → DuetSection
  #watching = false;

  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.find = (selector) => root.querySelector(selector);
    this.part = (name) => this.find(`.k-invite [data-part=${name}]`);
    const here = new URL(window.location.href);
    this.key = here.searchParams.get("duet");
    this.part("invite").addEventListener("click", () => this.#try(() => this.#invite()), { signal });
    this.part("copy").addEventListener("click", () => this.#copy(), { signal });
    this.part("withdraw").addEventListener("click", () => this.#try(() => this.#withdraw()), { signal });
    this.find("[data-part=agree]").addEventListener("click", () => this.#try(() => this.#agree()), { signal });
    this.find("[data-part=decline]").addEventListener("click", () => this.#answered(""), { signal });
  }

  async start() {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        await api.hello();
        await this.#refresh();
        await this.#look();
        this.#watch();
        return;
      } catch (error) {
        this.#say(`${error.status === 0 ? "No connection to Kallos." : error.message || "Something went wrong."} Trying again…`);
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  /** What the link in the address says, if there is one. */
  async #look() {
    if (!this.key) return;
    try {
      const { mine } = await api.duets.look(this.key);
      if (mine) this.#answered("This is your own link. Send it to whom you want to share music with.");
      else this.find(".k-invited").hidden = false;
    } catch (error) {
      if (error.passing) throw error;
      this.#answered(error.message);
    }
  }

  async #agree() {
    await api.duets.agree(this.key);
    this.#answered("Agreed. Below is what the two of you share.");
    await this.#refresh();
  }

  /** The link in the address has had its answer. */
  #answered(text) {
    this.key = null;
    const here = new URL(window.location.href);
    here.searchParams.delete("duet");
    window.history.replaceState(window.history.state, "", here);
    this.find(".k-invited").hidden = true;
    this.#say(text);
  }

  async #invite() {
    await api.duets.invite();
    await this.#refresh();
    await this.#copy();
  }

  async #copy() {
    this.part("url").select();
    try {
      await navigator.clipboard.writeText(this.part("url").value);
      this.part("copy").textContent = "Copied";
    } catch {
      this.part("copy").textContent = "Press Ctrl+C to copy";
    }
  }

  async #withdraw() {
    await api.duets.end(this.open.duet_id);
    this.open = null;
    await this.#refresh();
    this.part("invite").focus();
    this.#say("Your link opens nothing any more.");
  }

  async #refresh() {
    const duets = await api.duets.all();
    const agreed = duets.filter((duet) => !duet.url);
    const accepted = this.open && agreed.some((duet) => duet.duet_id === this.open.duet_id);
    this.open = duets.find((duet) => duet.url) ?? null;
    for (const [id, section] of this.#sections) {
      if (agreed.some((duet) => duet.duet_id === id)) continue;
      section.pieces.pause();
      this.#sections.delete(id);
      this.#say(ENDED);
    }
    if (accepted) this.#say("They have agreed. Below is what the two of you share.");
    for (const duet of agreed) {
      const section = this.#sections.get(duet.duet_id) ?? new DuetSection(this, this.signal);
      this.#sections.set(duet.duet_id, section);
      section.show(duet);
    }
    const nodes = agreed.map((duet) => this.#sections.get(duet.duet_id).node);
    const list = this.find(".k-duets");
    if (nodes.length !== list.children.length || nodes.some((node, index) => node !== list.children[index])) {
      list.replaceChildren(...nodes);
    }
    this.find(".k-invite").hidden = false;
    this.part("invite").hidden = Boolean(this.open);
    for (const name of ["url", "copy", "withdraw"]) this.part(name).hidden = !this.open;
    if (this.open) this.part("url").value = this.open.url;
    else this.part("copy").textContent = "Copy link";
  }

  async compose(section) {
    await this.#try(async () => {
      await api.duets.compose(section.duet.duet_id);
      await this.#refresh();
    });
    this.#watch();
  }

  /** Follow what is being composed, whether somebody has agreed, and what the other one does, while anything is shared. */
  async #watch() {
    if (this.#watching) return;
    this.#watching = true;
    while (!this.signal.aborted) {
      const busy = [...this.#sections.values()].some((section) => section.busy);
      if (!this.open && !this.#sections.size) break;
      await api.pause(busy ? POLL_S.busy : this.open ? POLL_S.open : POLL_S.agreed);
      if (!document.hidden) await this.#refresh().catch(() => {});
    }
    this.#watching = false;
  }

  askToEnd(section) {
    const dialog = this.find("[data-dialog=end]");
    const part = (name) => dialog.querySelector(`[data-part=${name}]`);
    part("error").textContent = "";
    part("confirm").onclick = async () => {
      try {
        await api.duets.end(section.duet.duet_id);
        dialog.close();
        await this.#refresh();
        this.find("h1").focus();
      } catch (error) {
        part("error").textContent = error.message || "No connection. Please try again.";
      }
    };
    dialog.showModal();
  }

  /** One list sounds at a time. */
  only(playing) {
    for (const section of this.#sections.values()) if (section !== playing) section.pieces.pause();
  }

  async #try(act) {
    this.#say("");
    try {
      await act();
    } catch (error) {
      this.#say(error.message || "That did not work. Please try again.");
      if (error.status === 404) await this.#refresh().catch(() => {});
    }
    this.#watch();
  }

  #say(text) {
    this.find(".k-status").textContent = text;
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startTogether(root, signal) {
  const page = new TogetherPage(root, signal);
  page.start();
  return page;
}
