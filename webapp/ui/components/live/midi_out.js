// @ts-check
// Live music to a MIDI instrument, where the browser has Web MIDI: clock (24 a quarter), start and stop, and notes.

const [CLOCK, START, STOP, ON, OFF] = [0xf8, 0xfa, 0xfc, 0x90, 0x80];

export const hasMidi = () => "requestMIDIAccess" in navigator;

export class MidiOut {
  /** @type {any} */
  #output = null;
  #started = false;
  /** Pitches that are held. @type {Set<number>} */
  #down = new Set();

  /** The instruments that there are, by id: asks for permission. @returns {Promise<Map<string, string>>} */
  async instruments() {
    this.access = await /** @type {any} */ (navigator).requestMIDIAccess();
    return new Map([...this.access.outputs].map(([id, output]) => [id, output.name ?? id]));
  }

  /** Play to this instrument from the next bar on; to none where it is empty. @param {string} id */
  choose(id) {
    this.stop();
    this.#output = this.access?.outputs.get(id) ?? null;
  }

  /**
   * Send a bar, or a part of it; each message at its time.
   * @param {import("./bar_player.js").Part} part
   */
  send({ bar, from, to, atMs }) {
    const output = this.#output;
    if (!output) return;
    const tick = (bar.seconds * 1000) / bar.ticks;
    const time = (/** @type {number} */ each) => atMs + (each - from) * tick;
    if (!this.#started) output.send([START], atMs);
    this.#started = true;
    for (let each = from; each < to; each += 1) output.send([CLOCK], time(each));
    for (const [onset, duration, pitch, velocity] of bar.notes) {
      const end = onset + duration;
      if (onset >= from && onset < to) {
        output.send([ON, pitch, velocity], time(onset));
        this.#down.add(pitch);
      }
      if (end >= from && (end < to || to === bar.ticks) && this.#down.has(pitch)) output.send([OFF, pitch, 0], time(end));
    }
  }

  stop() {
    const output = this.#output;
    if (!output || !this.#started) return;
    output.clear?.();
    for (const pitch of this.#down) output.send([OFF, pitch, 0]);
    output.send([STOP]);
    this.#down.clear();
    this.#started = false;
  }
}
