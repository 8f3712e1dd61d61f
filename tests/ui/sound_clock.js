// A sound clock that stands still until a test moves it on: ten seconds of listening take milliseconds, and what sounds
// ends by itself at its second. It is set before the players' modules load; see components/shared/sound_clock.js.

globalThis.kallosSoundClock = (() => {
  const FRAME_MS = 50;
  const STILL_MS = 200; // of real time, between two drawings while time stands: they take a processor from others
  const ON_ITS_WAY_MS = 20; // of real time, a frame of silence

  /** Let answers, decoded sounds and promises reach those who wait for them. */
  const others = () =>
    new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        done();
      };
      port2.postMessage(null);
    });

  /** A gain, or whatever else changes by a schedule: https://www.w3.org/TR/webaudio/#AudioParam */
  class Parameter {
    #context;
    #changes = []; // {kind, value, at, constant}, in the order of their times

    constructor(context, value) {
      this.#context = context;
      this.#changes.push({ kind: "set", value, at: 0 });
    }

    get value() {
      return this.valueAt(this.#context.currentTime);
    }

    set value(value) {
      this.setValueAtTime(value, this.#context.currentTime);
    }

    valueAt(time) {
      let [value, since] = [0, 0];
      for (const change of this.#changes) {
        if (change.kind === "ramp") {
          if (change.at <= time) value = change.value;
          else return value + ((change.value - value) * (time - since)) / (change.at - since);
        } else if (change.at > time) break;
        else if (change.kind === "set") value = change.value;
        else value = change.value + (value - change.value) * Math.exp((change.at - this.#untilNext(change, time)) / change.constant);
        since = change.at;
      }
      return value;
    }

    /** When an approach ends: now, or where the next change begins. */
    #untilNext(change, time) {
      const next = this.#changes[this.#changes.indexOf(change) + 1];
      return Math.min(time, next?.at ?? Infinity);
    }

    #add(change) {
      const place = this.#changes.findLastIndex((each) => each.at <= change.at);
      this.#changes.splice(place + 1, 0, change);
      return this;
    }

    setValueAtTime(value, at) {
      return this.#add({ kind: "set", value, at });
    }

    linearRampToValueAtTime(value, at) {
      return this.#add({ kind: "ramp", value, at });
    }

    setTargetAtTime(value, at, constant) {
      return this.#add({ kind: "approach", value, at, constant });
    }

    cancelScheduledValues(from) {
      this.#changes = this.#changes.filter((each) => each.at < from);
      return this;
    }
  }

  class Node extends EventTarget {
    constructor(context) {
      super();
      this.context = context;
    }

    connect(next) {
      this.next = next;
      return next;
    }
  }

  class Gain extends Node {
    constructor(context) {
      super(context);
      this.gain = new Parameter(context, 1);
    }
  }

  class Source extends Node {
    buffer = null;
    onended = null;
    endsAt = Infinity; // of the context's time

    start(when = 0, offset = 0) {
      if (this.startedAt !== undefined) throw new DOMException("cannot start twice", "InvalidStateError");
      this.startedAt = Math.max(when, this.context.currentTime);
      this.offset = offset;
      this.endsAt = this.startedAt + Math.max(0, this.buffer.duration - offset);
      this.context.sources.push(this);
      clock.sounds.push(this);
    }

    stop(when = 0) {
      if (this.startedAt === undefined) throw new DOMException("cannot stop before start", "InvalidStateError");
      this.endsAt = Math.min(this.endsAt, Math.max(when, this.context.currentTime));
    }

    end() {
      this.ended = true;
      this.context.sources = this.context.sources.filter((each) => each !== this);
      const event = new Event("ended");
      this.onended?.(event);
      this.dispatchEvent(event);
    }
  }

  class Context extends EventTarget {
    state = "suspended";
    outputLatency = 0;
    sources = []; // that sound, or will
    #ran = 0; // milliseconds, until it was last stopped
    #since = 0;

    constructor() {
      super();
      this.destination = new Node(this);
      clock.contexts.push(this);
      this.resume();
    }

    get currentTime() {
      return (this.#ran + (this.state === "running" ? clock.now() - this.#since : 0)) / 1000;
    }

    createGain() {
      return new Gain(this);
    }

    createBufferSource() {
      return new Source(this);
    }

    decodeAudioData(bytes) {
      return clock.standFor(new OfflineAudioContext(2, 1, 44100).decodeAudioData(bytes));
    }

    /** As browsers do, it waits for a gesture of the listener. */
    async resume() {
      if (navigator.userActivation?.hasBeenActive === false) await new Promise(() => {});
      await null;
      this.#turn("running");
    }

    async suspend() {
      this.#turn("suspended");
    }

    async close() {
      this.#turn("closed");
    }

    #turn(state) {
      if (this.state === state || this.state === "closed") return;
      this.#ran = this.currentTime * 1000;
      this.#since = clock.now();
      this.state = state;
      this.dispatchEvent(new Event("statechange"));
    }
  }

  class SoundClock {
    contexts = [];
    sounds = []; // all sources that were ever started, in their order
    #nowMs = globalThis.performance.now();
    #waiting = []; // {at, act}
    #frames = [];
    #awaited = new Set();

    open() {
      return new Context();
    }

    now() {
      return this.#nowMs;
    }

    after(ms, act) {
      const one = { at: this.#nowMs + Math.max(0, ms), act };
      this.#waiting.push(one);
      if (ms <= 0) others().then(() => this.#waiting.includes(one) && this.#act(one));
      return () => {
        this.#waiting = this.#waiting.filter((each) => each !== one);
      };
    }

    #act(one) {
      this.#waiting = this.#waiting.filter((each) => each !== one);
      one.act();
    }

    /** What is seen is drawn while time stands, too. */
    frame(act) {
      this.#frames.push(act);
      if (this.#frames.length === 1) setTimeout(() => this.#draw(), STILL_MS);
    }

    #draw() {
      for (const act of this.#frames.splice(0)) act(this.#nowMs);
    }

    /** Time stands still until this is done, however long it takes. */
    standFor(promise) {
      this.#awaited.add(promise);
      const done = () => this.#awaited.delete(promise);
      promise.then(done, done);
      return promise;
    }

    /** Time stands still while the page waits for an answer from an address that matches. */
    standForAnswers(address) {
      const { fetch } = globalThis;
      const whole = async (response) => new Response((await response.text()) || null, response);
      globalThis.fetch = (asked, ...how) => {
        const answer = fetch(asked, ...how);
        return address.test(asked.url ?? asked) ? this.standFor(answer.then(whole)) : answer;
      };
    }

    async #settle() {
      await others();
      while (this.#awaited.size) {
        await Promise.allSettled([...this.#awaited]);
        for (let turn = 0; turn < 5; turn += 1) await others();
      }
    }

    #sounds() {
      return this.contexts.some((context) => context.state === "running" && context.sources.length > 0);
    }

    /** What comes next, and when. */
    #next() {
      const ends = this.contexts
        .filter((context) => context.state === "running")
        .flatMap((context) => context.sources.map((source) => [source, (source.endsAt - context.currentTime) * 1000]));
      const all = [
        ...ends.map(([source, left]) => ({ at: this.#nowMs + left, act: () => source.end() })),
        ...this.#waiting.map((one) => ({ at: one.at, act: () => this.#act(one) })),
      ];
      return all.reduce((first, each) => (each.at < first.at ? each : first), { at: Infinity, act() {} });
    }

    /**
     * Move time on, through all that happens meanwhile in its order, until `enough()` where that comes earlier.
     * Returns whether it did. Who waits for something is given real time as well while nothing sounds: a sound that is
     * to come is still on its way from the server, and listening does not begin before it is there.
     */
    async advance(ms, enough = undefined) {
      const end = this.#nowMs + ms;
      let drawn = this.#nowMs;
      await this.#settle();
      while (!enough?.()) {
        const next = this.#next();
        this.#nowMs = Math.max(this.#nowMs, Math.min(next.at, drawn + FRAME_MS, end));
        if (next.at <= this.#nowMs) next.act();
        else {
          this.#draw();
          drawn = this.#nowMs;
          if (enough && !this.#sounds()) await new Promise((done) => setTimeout(done, ON_ITS_WAY_MS));
        }
        await this.#settle();
        if (drawn >= end) return enough?.() ?? false;
      }
      return true;
    }
  }

  const clock = new SoundClock();
  return clock;
})();
