// As much of a browser as the modules need that are tested here: storage, timers, and an audio clock that a test sets.

export const timers = [];
const stored = new Map();

globalThis.window = globalThis;
globalThis.navigator ??= {};
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, String(value)),
  removeItem: (key) => stored.delete(key),
};
globalThis.addEventListener = () => {};
globalThis.removeEventListener = () => {};
globalThis.dispatchEvent = () => true;

/** What a page's storage holds. */
export const storage = stored;

/** The clock of every context, in seconds. */
export const clock = { now: 0 };

export class FakeContext extends EventTarget {
  state = "running";
  destination = {};
  outputLatency = 0;

  get currentTime() {
    return clock.now;
  }

  async resume() {
    this.state = "running";
    this.dispatchEvent(new Event("statechange"));
  }

  async close() {
    this.state = "closed";
  }
}

/** Every source that was made, with what was asked of it. */
export const sources = [];

class FakeNode {
  connect(next) {
    return next;
  }
}

globalThis.AudioContext = FakeContext;
globalThis.AudioBufferSourceNode = class extends FakeNode {
  constructor(_, { buffer }) {
    super();
    Object.assign(this, { buffer, offset: null, stopped: null });
    sources.push(this);
  }

  start(_, offset) {
    this.offset = offset;
  }

  stop(when) {
    this.stopped = when;
  }
};
globalThis.GainNode = class extends FakeNode {
  constructor() {
    super();
    this.ramps = [];
    this.gain = {
      value: 1,
      setValueAtTime() {},
      cancelScheduledValues() {},
      linearRampToValueAtTime: (value, when) => this.ramps.push([value, when]),
    };
  }
};
