// @ts-check
// What sounds, told to the device: its lock screen and its media keys show it, pause it, seek in it and go on to the next.

const [RATE, LONG_S] = [8000, 10]; // a device shows nothing of a sound shorter than five seconds

/** @type {HTMLAudioElement | null} */
let silence = null; // devices show controls only while a media element plays; what is heard comes from elsewhere
/** @type {any} */
let owner = null; // whose sound was told last

/** @typedef {{play: () => void, pause: () => void, seek: (seconds: number) => void, next: (() => void) | null, previous: (() => void) | null}} Controls */

/**
 * Something begins to sound.
 * @param {any} who
 * @param {{title: string, artist: string, picture: string | null}} what
 * @param {Controls} controls
 */
export function nowPlaying(who, { title, artist, picture }, controls) {
  const session = navigator.mediaSession;
  if (!session) return;
  owner = who;
  session.metadata = new MediaMetadata({ title, artist, album: "Kallos", artwork: picture ? [{ src: picture, type: "image/svg+xml" }] : [] });
  /** @type {[MediaSessionAction, MediaSessionActionHandler | null][]} */
  const actions = [
    ["play", controls.play],
    ["pause", controls.pause],
    ["seekto", ({ seekTime }) => controls.seek(seekTime ?? 0)],
    ["nexttrack", controls.next],
    ["previoustrack", controls.previous],
  ];
  for (const [action, act] of actions) session.setActionHandler(action, act);
}

/**
 * How it stands: called whenever it goes on, stops or moves.
 * @param {any} who
 * @param {boolean} sounds
 * @param {number} position
 * @param {number} duration
 */
export function stands(who, sounds, position, duration) {
  const session = navigator.mediaSession;
  if (!session || who !== owner) return;
  session.playbackState = sounds ? "playing" : "paused";
  if (duration) session.setPositionState({ duration, position: Math.min(position, duration), playbackRate: 1 });
  silence ??= quiet();
  if (sounds) silence.play().catch(() => {}); // not allowed here: then the device shows nothing
  else silence.pause();
}

/** A sound that is none. */
function quiet() {
  const size = RATE * LONG_S;
  const view = new DataView(new ArrayBuffer(44 + size));
  const text = (/** @type {number} */ at, /** @type {string} */ letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt ");
  for (const [at, value] of [[16, 16], [24, RATE], [28, RATE]]) view.setUint32(at, value, true);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) view.setUint16(at, value, true);
  text(36, "data");
  view.setUint32(40, size, true);
  new Uint8Array(view.buffer, 44).fill(128);
  const element = new Audio(URL.createObjectURL(new Blob([view], { type: "audio/wav" })));
  element.loop = true;
  return element;
}
