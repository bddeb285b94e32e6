// The detection page: its state, and the handlers of user input.
//
//   api.js      requests, error messages      overlay.js, labels.js   boxes over the image
//   image.js    image input, smaller copies   results.js              the panel next to the image
//   camera.js   the camera                    threshold.js            which of them are shown
//                                             save.js                 downloads

import { Problem, detect, models, upright } from "./api.js";
import { Camera, Rate } from "./camera.js";
import { bytes, count, duration, list } from "./format.js";
import { Overlay } from "./overlay.js";
import { intake, jpeg, load } from "./image.js";
import { Table, chips, summary, ticks, times } from "./results.js";
import { annotated, json, offer } from "./save.js";
import { Threshold } from "./threshold.js";

const SMALLER = 1600; // longer side of a smaller copy in pixels, more than the usual model input

const $ = (id) => document.getElementById(id);
const main = $("main"), img = $("image"), video = $("video");

const state = {
  models: [],
  model: null, // of state.models
  key: sessionStorage.getItem("api-key") ?? "",
  image: null, // {blob, name, decoded}
  answer: null, // response of the server; the id of each detection is its index
  hidden: new Set(), // class ids switched off
  pointed: null, // id of the detection under the pointer or the focus
  picked: null, // id of the detection that was clicked
  request: null, // AbortController of the request in progress
  retry: null, // function of the button "Try again"
};

const overlay = new Overlay($("overlay"), { point: (id) => (mark({ pointed: id }), reveal(id)), pick });
const table = new Table($("table"), { point: (id) => mark({ pointed: id }), pick });
const camera = new Camera(video);
const threshold = new Threshold({ slider: $("threshold"), value: $("threshold-value"), part: $("best-part"), best: $("best"), classes: $("best-classes") }, () => {
  draw();
  announce(`${summary(shown())}.`);
});

// Images

/** take shows an image and requests its detections. */
async function take(blob, name) {
  leaveCamera();
  state.request?.abort();
  forget();
  const image = (state.image = { blob, name, decoded: false, loading: load(img, blob) });
  enter("image");
  img.alt = name;
  markExample("");
  const [decoded] = await Promise.all([image.loading, look(image)]);
  if (state.image !== image) return;
  image.decoded = decoded || (state.answer !== null && (await loadUpright(image)));
  if (state.image !== image) return;
  if (decoded) setFrame(img.naturalWidth, img.naturalHeight);
  showCaption();
  draw();
}

/** enter shows the controls of a state: empty, image or live. Focus on a control that is now hidden moves to <main>. */
function enter(name) {
  main.dataset.state = name;
  const focused = document.activeElement;
  if (focused !== document.body && !focused.checkVisibility()) main.focus({ preventScroll: true });
}

/** loadUpright shows an image that this browser cannot decode, as decoded by the server. */
async function loadUpright({ blob }) {
  try {
    return await load(img, await upright(blob, { model: state.model?.name, key: state.key }));
  } catch {
    return false; // boxes are shown without the image
  }
}

/** look requests the detections of an image. It cancels an earlier request. */
async function look(image) {
  state.request?.abort();
  const request = (state.request = new AbortController());
  forget();
  busy(true);
  $("name").textContent = `${image.name}, ${bytes(image.blob.size)}`;
  try {
    if (image.blob.size === 0) throw new Problem("The file is empty", "Choose another one.", { code: "empty" });
    const answer = await detectImage(image, request.signal);
    if (state.request !== request) return;
    accept(answer);
    setFrame(answer.image.width, answer.image.height);
    showCaption();
    draw();
    announce(`${summary(shown())}, in ${duration(answer.timing_ms.round_trip)}.`);
  } catch (error) {
    if (error.name !== "AbortError" && state.request === request) fail(error, () => look(image));
  } finally {
    if (state.request === request) busy(false);
  }
}

/** detectImage sends an image. If the server cannot read its format, but this browser can, it sends a JPEG. */
async function detectImage(image, signal) {
  const options = { model: state.model?.name, key: state.key, threshold: threshold.lowest, tile: $("tile").value, signal };
  try {
    return await detect(image.blob, options);
  } catch (error) {
    if (error.code !== "unsupported_image" || !(await image.loading)) throw error;
    image.blob = await jpeg(img, Infinity, 0.92);
    return await detect(image.blob, options);
  }
}

function accept(answer) {
  answer.detections.forEach((d, i) => (d.id = i));
  state.answer = answer;
  state.pointed = state.picked = null;
}

/** forget removes the last response and error from the page. */
function forget() {
  $("problem").hidden = true;
  state.answer = null;
  state.pointed = state.picked = null;
  draw();
}

/** smaller sends a copy of the image with at most SMALLER pixels per side. */
async function smaller() {
  const { name, decoded } = state.image;
  if (!decoded) return;
  await take(await jpeg(img, SMALLER), name.replace(/\.\w+$/, "") + " (smaller).jpg");
}

// Camera

async function startCamera(deviceId) {
  state.request?.abort();
  forget();
  state.image = null;
  markExample("");
  try {
    await camera.start(deviceId);
  } catch (error) {
    img.removeAttribute("src");
    enter("image");
    fail(error, () => startCamera());
    return;
  }
  enter("live");
  setFrame(video.videoWidth, video.videoHeight);
  announce("The camera is on.");
  listCameras();
  const rate = new Rate();
  $("rate").textContent = "";
  try {
    await camera.run(state.model?.input?.longest ?? 640, async (frame) => {
      const answer = await lookLive(frame);
      if (!answer || !camera.on) return;
      accept(answer);
      draw();
      $("rate").textContent = `${rate.tick().toFixed(1)} images/s, ${duration(answer.timing_ms.round_trip)}`;
    });
  } catch (error) {
    if (error.name === "AbortError") return;
    stopCamera();
    enter("image");
    fail(error, () => startCamera());
  }
}

/** lookLive returns the response for a frame. If the server is busy, it waits and returns null. */
async function lookLive(frame) {
  const request = (state.request = new AbortController());
  try {
    return await detect(frame, { model: state.model?.name, key: state.key, threshold: threshold.lowest, signal: request.signal });
  } catch (error) {
    if (!["queue_full", "deadline_exceeded", "rate_limited"].includes(error.code)) throw error;
    $("rate").textContent = "The server is busy";
    await new Promise((done) => setTimeout(done, 1000 * Math.max(0.5, error.retryAfter)));
    return null;
  }
}

async function listCameras() {
  const devices = await camera.devices();
  const select = $("cameras");
  select.hidden = devices.length < 2;
  select.replaceChildren(...devices.map((d) => new Option(d.label, d.id, false, d.id === camera.deviceId)));
}

/** takeFrame takes the current frame of the camera as image, at full size. */
async function takeFrame() {
  const frame = await jpeg(video, Infinity, 0.92);
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  await take(frame, `camera ${time}.jpg`);
}

function leaveCamera() {
  if (!camera.on) return;
  state.request?.abort();
  camera.stop();
}

function stopCamera() {
  leaveCamera();
  forget();
  enter("empty");
  announce("The camera is off.");
}

// Results

/** shown returns the detections at the threshold whose class is switched on, in descending score order. */
function shown() {
  const found = state.answer?.detections ?? [];
  return found.filter((d) => threshold.keeps(d) && !state.hidden.has(d.class_id)).sort((a, b) => b.score - a.score);
}

function draw() {
  const visible = shown();
  const { answer } = state;
  main.classList.toggle("done", answer !== null);
  overlay.show(visible, answer?.image ?? { width: 1, height: 1 });
  table.show(visible);
  ticks($("scores"), answer?.detections ?? [], state.hidden, $("threshold").min / 100);
  const classes = classesFound();
  chips($("classes"), classes, state.hidden, toggleClass);
  $("classes-part").hidden = classes.size === 0;
  if (answer) {
    $("count").textContent = visible.length === 0 ? "Nothing found" : count(visible.length, "object");
    $("total").textContent = duration(answer.timing_ms.round_trip);
    times($("time-bar"), $("times"), answer.timing_ms);
    $("by").textContent = `Model ${answer.model.name}, version ${answer.model.version}`;
    img.alt = `${state.image?.name ?? "Camera"}: ${summary(visible)}`;
    $("none").hidden = visible.length > 0;
    $("none").textContent = answer.detections.length
      ? `${count(answer.detections.length, "box", "boxes")} with a lower confidence or of a class that is switched off.`
      : "No object of the model's classes was detected.";
  }
  mark({});
}

/** classesFound returns the classes with detections at the threshold, and those switched off. */
function classesFound() {
  const classes = new Map();
  for (const d of state.answer?.detections ?? []) {
    const c = classes.get(d.class_id) ?? { label: d.label, shown: 0 };
    if (threshold.keeps(d)) c.shown++;
    classes.set(d.class_id, c);
  }
  return new Map([...classes].filter(([id, c]) => c.shown > 0 || state.hidden.has(id)).sort(([a], [b]) => a - b));
}

function toggleClass(id) {
  if (!state.hidden.delete(id)) state.hidden.add(id);
  draw();
  announce(`${summary(shown())}.`);
}

/** mark highlights the detection under the pointer, or else the clicked one, in image and table. */
function mark(change) {
  Object.assign(state, change);
  const id = state.pointed ?? state.picked;
  overlay.mark(id, state.picked);
  table.mark(id, state.picked);
}

function pick(id) {
  mark({ picked: id === state.picked ? null : id });
  reveal(id);
}

/** reveal scrolls the table, not the page, to a row. */
function reveal(id) {
  if (id !== null && $("table").parentElement.scrollHeight > $("table").parentElement.clientHeight) table.row(id)?.scrollIntoView({ block: "nearest" });
}

function setFrame(width, height) {
  $("frame").style.setProperty("--w", width);
  $("frame").style.setProperty("--h", height);
}

function showCaption() {
  const { blob, name, decoded } = state.image;
  const size = state.answer?.image;
  const parts = [name, size && `${size.width} × ${size.height}`, bytes(blob.size)];
  $("name").textContent = parts.filter(Boolean).join(", ");
  $("frame").classList.toggle("blank", !decoded);
}

function busy(on) {
  main.classList.toggle("busy", on);
  $("results").setAttribute("aria-busy", on);
  if (on) announce("Detecting objects.");
}

let announcing = 0;
/** announce sends a text to screen readers. Of several texts in quick succession, only the last is read. */
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => ($("status").textContent = text), 150);
}

function fail(error, retry) {
  if (!(error instanceof Problem)) {
    console.error(error);
    error = new Problem("Something went wrong in this page", "Reload it and try again.", { detail: String(error) });
  }
  state.retry = retry;
  $("problem-title").textContent = error.title;
  $("problem-text").textContent = error.text;
  $("problem-detail").textContent = error.detail;
  const needsKey = error.code === "unauthorized";
  const tooLarge = ["image_too_large", "body_too_large"].includes(error.code);
  $("key-form").hidden = !needsKey;
  $("problem-smaller").hidden = !tooLarge;
  $("problem-choose").hidden = needsKey;
  $("problem-retry").hidden = needsKey || tooLarge || ["unsupported_image", "corrupt_image", "empty"].includes(error.code);
  $("problem").hidden = false;
  busy(false);
}

// Models and examples

async function loadModels() {
  try {
    state.models = await models(state.key);
  } catch (error) {
    if (error.code === "unauthorized") {
      enter("image");
      fail(error, () => (($("problem").hidden = true), enter("empty"), loadModels()));
    }
    return; // the next detection request shows the error
  }
  const select = $("model");
  select.replaceChildren(...state.models.map((m) => new Option(m.name, m.name)));
  $("model-choice").hidden = state.models.length < 2;
  chooseModel(state.models[0]);
}

function chooseModel(model) {
  state.model = model ?? null;
  state.hidden.clear();
  threshold.use(model);
  const labels = model?.classes?.map((c) => c.label) ?? [];
  $("knows").textContent = labels.length === 0 ? "" : `The model detects ${labels.length <= 8 ? list(labels) : `${labels.length} classes`}.`;
  for (const set of document.querySelectorAll(".examples")) set.hidden = !labels.includes(set.dataset.label);
}

async function takeExample(file) {
  const response = await fetch(`examples/${file}`).catch(() => null);
  if (!response?.ok) {
    enter("image");
    fail(new Problem("The example could not be loaded", "Is the server still running?", { code: "network" }), () => takeExample(file));
    return;
  }
  const taken = take(await response.blob(), file);
  markExample(file);
  await taken;
}

function markExample(name) {
  for (const button of document.querySelectorAll("[data-example]")) {
    if (button.dataset.example === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

// User input

const actions = {
  choose: () => $("file").click(),
  camera: () => startCamera(),
  take: takeFrame,
  stop: stopCamera,
  retry: () => state.retry?.(),
  smaller,
  "save-image": saveImage,
  "save-json": () => offer(json(state.answer, shown(), threshold.parameter), `${stem()}.json`),
};

async function saveImage() {
  const type = state.image.blob.type === "image/png" ? "image/png" : "image/jpeg";
  try {
    offer(await annotated(img, state.answer, shown(), type), `${stem()}-boxes.${type.slice(6).replace("jpeg", "jpg")}`);
  } catch (error) {
    fail(new Problem("The image could not be drawn", "It may be too large for this browser.", { detail: error.message }), saveImage);
  }
}

const stem = () => state.image.name.replace(/\.\w+$/, "").replaceAll(" ", "-");

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do], [data-example]");
  if (button?.dataset.do) actions[button.dataset.do]();
  else if (button) takeExample(button.dataset.example);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") mark({ pointed: null, picked: null });
});

intake($("file"), take, (over) => main.classList.toggle("dropping", over));

$("model").addEventListener("change", (event) => {
  chooseModel(state.models.find((m) => m.name === event.target.value));
  if (state.image) look(state.image);
});

$("tile").addEventListener("change", () => state.image && look(state.image));

$("cameras").addEventListener("change", (event) => startCamera(event.target.value));

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value.trim();
  sessionStorage.setItem("api-key", state.key);
  $("key").value = "";
  state.retry?.();
});

window.addEventListener("pagehide", leaveCamera);

loadModels();
