// @ts-check
// A request to the server: who is asking travels as a token beside the cookie, since a frame may get no cookie.

/** Where the application lies: every page is directly below it, also below a root path or a proxy's. */
export const root = () => new URL("./", document.baseURI);

export const TOKEN = "kallos.token";
export const TOKEN_BEFORE = "kallos.token.before";
export const OF_A_LISTENER = [TOKEN, "kallos.vote", "kallos.pick", "kallos.fit", "kallos.heard"];
const TIMEOUT_MS = 15000;
const GONE = "What this page shows was deleted, perhaps in another tab. Reload it to start afresh";

/** An answer that is no success; `status` 0 says that no answer came at all. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} retryAfterS
   * @param {string} code
   */
  constructor(status, message, retryAfterS = 0, code = "") {
    super(code === "unknown_listener" ? GONE : message);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** localStorage, or memory where a frame is denied it. */
export const store = (() => {
  /** @type {Map<string, string>} */
  const memory = new Map();
  /** @type {Storage | null} */
  let storage = null;
  try {
    storage = window.localStorage;
    storage.setItem("kallos.probe", "1");
    storage.removeItem("kallos.probe");
  } catch {
    storage = null;
  }
  return {
    lasting: storage !== null,
    get: (/** @type {string} */ key) => (storage ? storage.getItem(key) : (memory.get(key) ?? null)),
    set: (/** @type {string} */ key, /** @type {string} */ value) => {
      if (storage) storage.setItem(key, value);
      else memory.set(key, value);
    },
    remove: (/** @type {string} */ key) => {
      if (storage) storage.removeItem(key);
      else memory.delete(key);
    },
  };
})();

/**
 * An address from the server ("/api/…") as one that works below a root path too.
 * @param {string} address
 */
export function resolve(address) {
  if (/^(https?|data|blob):/.test(address)) return address;
  const base = root();
  if (base.pathname !== "/" && address.startsWith(base.pathname)) return new URL(address, base).href;
  return new URL(address.replace(/^\//, ""), base).href;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, timeoutMs?: number, givenUp?: AbortSignal}} options
 * @returns {Promise<Response>}
 */
export async function request(method, path, { body, timeoutMs = TIMEOUT_MS, givenUp } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  const bearer = store.get(TOKEN);
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers["Content-Type"] = body instanceof Blob ? "application/octet-stream" : "application/json";
  let response;
  try {
    response = await fetch(resolve(path), {
      method,
      headers,
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
      credentials: "same-origin",
      signal: givenUp ? AbortSignal.any([givenUp, AbortSignal.timeout(timeoutMs)]) : AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new ApiError(0, "No connection.");
  }
  const renewed = response.headers.get("listener-token"); // of the same listener, who came before there was anything to hear
  if (renewed) store.set(TOKEN, renewed);
  if (response.ok) return response;
  let message = "";
  let code = "";
  try {
    const { error, detail, code: told } = await response.json();
    code = told ?? "";
    message = [error, detail].find((text) => typeof text === "string") ?? "";
  } catch {
    // an answer from a proxy, not from us
  }
  throw new ApiError(response.status, message, Number(response.headers.get("retry-after")) || 0, code);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {number} [timeoutMs]
 * @param {AbortSignal} [givenUp] where nobody waits for the answer any more, by which the server knows
 * @returns {Promise<any>}
 */
export async function json(method, path, body, timeoutMs, givenUp) {
  const response = await request(method, path, { body, timeoutMs, givenUp });
  try {
    return response.status === 204 ? null : await response.json();
  } catch {
    throw new ApiError(0, "The connection broke off.");
  }
}
