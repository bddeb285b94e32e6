// The API of the server: requests, and error messages for the user.

/** Problem is an error with texts for the user. */
export class Problem extends Error {
  /**
   * @param {string} title what happened, a few words
   * @param {string} text what to do about it
   * @param {{code?: string, detail?: string, retryAfter?: number}} more
   */
  constructor(title, text, { code = "", detail = "", retryAfter = 0 } = {}) {
    super(title);
    Object.assign(this, { title, text, code, detail, retryAfter });
  }
}

/** isKey returns whether a text can be an API key: printable ASCII without spaces. The browser sends no request with another one. */
export function isKey(text) {
  return /^[!-~]+$/.test(text);
}

const BUSY = ["queue_full", "deadline_exceeded", "rate_limited"];

/** isBusy returns whether the same request is likely to succeed after a rest. */
export function isBusy(error) {
  return BUSY.includes(error.code);
}

/** rest waits for as long as the server asks for with an error, or half a second. */
export function rest(error) {
  return new Promise((done) => setTimeout(done, 1000 * Math.max(0.5, error.retryAfter)));
}

// Title and text of a Problem by error code of the server.
const WORDS = {
  unsupported_image: ["This is not an image that the server can read", "JPEG, PNG, WebP, GIF, BMP and TIFF work."],
  corrupt_image: ["The image is damaged", "It could not be fully decoded. The file may be truncated."],
  image_too_large: ["The image has too many pixels for this server", "Send a smaller copy. The model reduces the image anyway."],
  too_many_tiles: ["The image has too many tiles for this server", "Detect in the whole image. Larger tiles may work, too."],
  body_too_large: ["The file is too large for this server", "Send a smaller copy. The model reduces the image anyway."],
  queue_full: ["The server is busy", "Its queue is full. Try again in a moment."],
  deadline_exceeded: ["The request timed out in the server", "It is busy. Try again in a moment."],
  not_ready: ["The server is not ready", "Its model is being loaded, or it is about to stop. Try again in a moment."],
  rate_limited: ["Too many requests", "The server limits how many images a client may send."],
  unauthorized: ["This server needs an API key", "It is kept until this tab is closed and sent to this server only."],
  model_not_found: ["The model no longer exists", "Reload the page to update the list of models."],
  forbidden_host: ["The server does not accept this host name", "Use one of the host names of --allowed-hosts."],
};

/**
 * detect sends an image and returns the response, with round_trip (milliseconds) added to timing_ms.
 * @param {Blob} image
 * @param {{model?: string, key?: string, threshold: number, tile?: string, signal?: AbortSignal}} options tile is the side of tiles in pixels
 */
export async function detect(image, { model, key, threshold, tile, signal }) {
  const query = new URLSearchParams({ threshold });
  if (tile) query.set("tile", tile);
  if (model) query.set("model", model);
  const start = performance.now();
  const answer = await request(`detect?${query}`, {
    method: "POST",
    headers: { "Content-Type": contentType(image) },
    body: image,
    key,
    signal,
  });
  if (!Array.isArray(answer.detections)) throw notOurs("no detections in the response");
  answer.timing_ms = { ...answer.timing_ms, round_trip: performance.now() - start };
  return answer;
}

/** upright returns an image as the server decodes it, as a JPEG, for browsers that cannot show its format. */
export async function upright(image, { model, key, signal } = {}) {
  const query = new URLSearchParams({ threshold: 1, format: "image" }); // no score reaches 1, so no box is drawn
  if (model) query.set("model", model);
  const response = await send(`detect?${query}`, { method: "POST", headers: { "Content-Type": contentType(image) }, body: image, key, signal });
  if (!response.ok) throw problem(response, {});
  return response.blob();
}

/** models returns the models that are ready, the default first. */
export async function models(key) {
  const answer = await request("models", { key });
  if (!Array.isArray(answer.models)) throw notOurs("no models in the response");
  return answer.models
    .filter((m) => !m.state || m.state === "ready")
    .sort((a, b) => Number(b.default ?? false) - Number(a.default ?? false));
}

function contentType(image) {
  return image.type.startsWith("image/") ? image.type : "application/octet-stream";
}

async function send(url, { key, headers = {}, ...options }) {
  if (key) headers = { ...headers, Authorization: `Bearer ${key}` };
  try {
    return await fetch(url, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached", "Is it still running? Is the network up?", { code: "network", detail: error.message });
  }
}

async function request(url, options) {
  const response = await send(url, options);
  const body = await response.text();
  let answer;
  try {
    answer = JSON.parse(body);
  } catch {
    if (response.ok) throw notOurs("the response is not JSON");
  }
  if (response.ok) return answer;
  throw problem(response, answer?.error ?? {});
}

function problem(response, { code = "", message = "", request_id: id = "" }) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  let [title, text] = WORDS[code] ?? ["The request failed", "Try again. The log of the server has the reason."];
  if (retryAfter > 0) text += ` Try again in ${retryAfter === 1 ? "a second" : `${retryAfter} seconds`}.`;
  const detail = [message, `status ${response.status}`, id && `request ${id}`].filter(Boolean).join(", ");
  return new Problem(title, text, { code: code || `http_${response.status}`, detail, retryAfter });
}

function notOurs(detail) {
  return new Problem("The response could not be parsed", "Another server may have responded.", { code: "answer", detail });
}
