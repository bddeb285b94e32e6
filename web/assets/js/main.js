// The detection page: its state, and the handlers of user input.
//
//   api.js, problems.js            requests, errors          overlay.js, labels.js, palette.js   boxes over an image
//   image.js, gallery.js, strip.js images, thumbnails        results.js, threshold.js            the panel next to the image
//   camera.js, live.js             the camera                zoom.js                             zoom and pan
//   boxes.js, editor.js            boxes by hand             downloads.js, save.js, labelfiles.js, zip.js   what is saved
//   correct.js                     their controls            compare.js, curl.js, examples.js    a second model, a command, examples

import { Problem, detect, models, upright } from "./api.js";
import { Camera } from "./camera.js";
import { Compare } from "./compare.js";
import { Correct } from "./correct.js";
import { copy, curl } from "./curl.js";
import { Downloads } from "./downloads.js";
import { Examples } from "./examples.js";
import { bytes, count, duration, list } from "./format.js";
import { Gallery } from "./gallery.js";
import { intake, jpeg, load } from "./image.js";
import { Live } from "./live.js";
import { Overlay } from "./overlay.js";
import { hideProblem, showProblem } from "./problems.js";
import { Table, panel, summary } from "./results.js";
import { Strip } from "./strip.js";
import { Threshold } from "./threshold.js";
import { Zoom } from "./zoom.js";

const SMALLER = 1600; // longer side of a smaller copy in pixels, more than the usual model input

const $ = (id) => document.getElementById(id);
const main = $("main"), img = $("image"), video = $("video");

const state = {
  models: [],
  model: null, // of state.models
  key: sessionStorage.getItem("api-key") ?? "",
  image: null, // the Picture that is shown
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
const gallery = new Gallery(detectImage, () => [state.model?.name, $("tile").value, threshold.lowest].join(), () => drawStrip());
const strip = new Strip($("strip"), { open, close });
const zoom = new Zoom($("stage"), [$("port"), $("other-port")], (value) => {
  const text = `${Math.round(value * 100)}%`;
  $("zoom-value").textContent = text;
  $("zoom-value").setAttribute("aria-label", `Zoom ${text}, reset`);
});
const threshold = new Threshold({ slider: $("threshold"), value: $("threshold-value"), part: $("best-part"), best: $("best"), classes: $("best-classes") }, () => {
  draw();
  announce(`${summary(shown())}.`);
});
const compare = new Compare({
  models: () => state.models, visible: (found) => filtered(found),
  options: () => ({ key: state.key, threshold: threshold.lowest, tile: $("tile").value }),
});
const correct = new Correct(overlay, {
  image: () => state.image, classes: () => state.model?.classes ?? [], found: () => shown(), picked: () => state.picked,
  pick: (id) => mark({ picked: id }), draw, announce,
});

const downloads = new Downloads({ image: img, format: $("format") }, {
  state, images: () => gallery.images, shown: (...of) => shown(...of), threshold: () => threshold.parameter, labels: (images) => correct.labels(images), fail, announce,
});

// Images

/** take adds images to the strip, shows the first one and detects in all. */
async function take(files) {
  const [first] = gallery.add(files);
  await open(first);
}

/** open shows an image and its detections. */
async function open(image) {
  leaveCamera();
  state.request?.abort();
  gallery.pause();
  forget();
  state.image = image;
  zoom.reset();
  image.loading = load(img, image.blob);
  enter("image");
  img.alt = image.name;
  examples.mark(image.name);
  drawStrip();
  const [decoded] = await Promise.all([image.loading, look(image)]);
  if (state.image !== image) return;
  image.decoded = decoded || (state.answer !== null && (await loadUpright(image)));
  if (state.image !== image) return;
  if (decoded) setFrame(img.naturalWidth, img.naturalHeight);
  showCaption();
  draw();
}

/** close removes an image from the strip. */
async function close(image) {
  const next = gallery.remove(image);
  announce(`${image.name} closed.`);
  if (image !== state.image) drawStrip();
  else if (next) {
    const opened = open(next);
    strip.focus(next);
    await opened;
  }
}

/** enter shows the controls of a state: empty, image or live. Focus on a control that is now hidden moves to <main>. */
function enter(name) {
  main.dataset.state = name;
  const focused = document.activeElement;
  if (focused !== document.body && !focused.checkVisibility()) main.focus({ preventScroll: true });
}

/** loadUpright shows an image that this browser cannot decode, as decoded by the server. */
async function loadUpright(image) {
  try {
    const shown = await upright(image.blob, { model: state.model?.name, key: state.key });
    strip.repaint(image, shown);
    return await load(img, shown);
  } catch {
    return false; // boxes are shown without the image
  }
}

/** look requests the detections of an image, if they are not known. It cancels an earlier request. */
async function look(image) {
  state.request?.abort();
  gallery.pause();
  const request = (state.request = new AbortController());
  forget();
  $("name").textContent = `${image.name}, ${bytes(image.blob.size)}`;
  try {
    if (image.blob.size === 0) throw new Problem("The file is empty", "Choose another one.", { code: "empty" });
    if (!gallery.known(image)) {
      busy(true);
      const answer = await detectImage(image, request.signal);
      if (state.request !== request) return;
      gallery.keep(image, answer);
    }
    state.answer = image.answer;
    setFrame(image.answer.image.width, image.answer.image.height);
    showCaption();
    draw();
    announce(`${summary(shown())}, in ${duration(image.answer.timing_ms.round_trip)}.`);
    await compare.look(image, request.signal);
    if (state.request !== request) return;
    gallery.fill();
  } catch (error) {
    if (error.name === "AbortError" || state.request !== request) return;
    image.failed = true;
    drawStrip();
    fail(error, () => look(image));
    gallery.fill();
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
    if (error.code !== "unsupported_image" || image !== state.image || !(await image.loading)) throw error;
    image.blob = await jpeg(img, Infinity, 0.92);
    return await detect(image.blob, options);
  }
}

/** forget removes the last response and error from the page. */
function forget() {
  hideProblem();
  state.answer = null;
  state.pointed = state.picked = null;
  correct.leave();
  draw();
}

/** smaller shows a copy of the image with at most SMALLER pixels per side in its place. */
async function smaller() {
  const image = state.image;
  if (!image.decoded) return;
  const name = image.name.replace(/\.\w+$/, "") + " (smaller).jpg";
  const blob = await jpeg(img, SMALLER);
  gallery.remove(image);
  await take([new File([blob], name, { type: blob.type })]);
}

// Camera

/** takeFrame takes the current frame of the camera as image, at full size. */
async function takeFrame() {
  const frame = await jpeg(video, Infinity, 0.92);
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  await take([new File([frame], `camera ${time}.jpg`, { type: frame.type })]);
}

function leaveCamera() {
  if (!camera.on) return;
  state.request?.abort();
  camera.stop();
}

const live = new Live(camera, { rate: $("rate"), cameras: $("cameras") }, {
  begin: () => {
    state.request?.abort();
    gallery.pause();
    forget();
    state.image = null;
    zoom.reset();
    examples.mark("");
  },
  started: () => {
    enter("live");
    setFrame(video.videoWidth, video.videoHeight);
    announce("The camera is on.");
  },
  failed: (error) => {
    img.removeAttribute("src");
    enter("image");
    fail(error, () => live.start());
  },
  ended: (error) => {
    stopCamera();
    enter("image");
    fail(error, () => live.start());
  },
  longest: () => state.model?.input?.longest ?? 640,
  options: () => ({ model: state.model?.name, key: state.key, threshold: threshold.lowest, signal: (state.request = new AbortController()).signal }),
  show: (answer) => {
    answer.detections.forEach((d, i) => (d.id = i));
    Object.assign(state, { answer, pointed: null, picked: null });
    draw();
  },
});

function stopCamera() {
  leaveCamera();
  forget();
  enter("empty");
  announce("The camera is off.");
}

// Results

/** filtered returns the detections at the threshold whose class is switched on, in descending score order. */
function filtered(found) {
  return found.filter((d) => threshold.keeps(d) && !state.hidden.has(d.class_id)).sort((a, b) => b.score - a.score);
}

/** shown returns the boxes that are shown: those corrected by hand, or else detections. */
const shown = (image = state.image, answer = state.answer) => image?.boxes?.list ?? filtered(answer?.detections ?? []);

function draw() {
  const visible = shown(), { answer } = state;
  main.classList.toggle("done", answer !== null);
  main.classList.toggle("correcting", Boolean(answer && state.image?.boxes));
  overlay.show(answer ? visible : [], answer?.image ?? { width: 1, height: 1 });
  table.show(answer ? visible : []);
  correct.show(answer !== null);
  compare.show(state.image, answer, visible);
  drawStrip();
  if (!answer) return;
  panel(answer, visible, { hidden: state.hidden, low: $("threshold").min / 100, classes: classesFound(), toggle: toggleClass });
  img.alt = `${state.image?.name ?? "Camera"}: ${summary(visible)}`;
  if (state.image) $("curl").textContent = curl(state.image, { model: state.model?.name, threshold: threshold.parameter, tile: $("tile").value, key: state.key });
  $("save-labels").textContent = gallery.images.length > 1 ? `Save labels of ${gallery.images.length}` : "Save labels";
  mark({});
}

function drawStrip() {
  strip.show(gallery.images, state.image, (image) => (image.answer ? shown(image, image.answer).length : null));
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
  const id = correct.on ? state.picked : (state.pointed ?? state.picked);
  overlay.mark(id, state.picked);
  table.mark(id, state.picked);
  correct.marked();
}

function pick(id) {
  mark({ picked: id === state.picked && !correct.on ? null : id });
  reveal(id);
}

/** reveal scrolls the table, not the page, to a row. */
function reveal(id) {
  if (id !== null && $("table").parentElement.scrollHeight > $("table").parentElement.clientHeight) table.row(id)?.scrollIntoView({ block: "nearest" });
}

function setFrame(width, height) {
  $("panes").style.setProperty("--w", width);
  $("panes").style.setProperty("--h", height);
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
  state.retry = retry;
  showProblem(error);
  busy(false);
}

// Models and examples

const examples = new Examples({
  known: (name) => gallery.images.find((image) => image.name === name), open, take,
  fail: (error, retry) => (enter("image"), fail(error, retry)),
});

async function loadModels() {
  try {
    state.models = await models(state.key);
  } catch (error) {
    if (error.code === "unauthorized") {
      enter("image");
      fail(error, () => (hideProblem(), enter("empty"), loadModels()));
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
  compare.offer(model);
  for (const image of gallery.images) image.failed = false;
  const labels = model?.classes?.map((c) => c.label) ?? [];
  $("knows").textContent = labels.length === 0 ? "" : `The model detects ${labels.length <= 8 ? list(labels) : `${labels.length} classes`}.`;
  examples.offer(labels);
}

// User input

const actions = {
  choose: () => $("file").click(),
  camera: () => live.start(),
  take: takeFrame,
  stop: stopCamera,
  retry: () => state.retry?.(),
  smaller,
  edit: () => correct.toggle(),
  "zoom-in": () => zoom.in(),
  "zoom-out": () => zoom.out(),
  "zoom-reset": () => zoom.reset(),
  "copy-curl": async () => announce((await copy($("curl"))) ? "Command copied." : "The command could not be copied; select it."),
  ...correct.actions,
  ...downloads.actions,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do]();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=range], [type=checkbox]), select, textarea");
  if (event.key === "Escape") mark({ pointed: null, picked: null });
  if (typing || main.dataset.state === "empty" || correct.key(event)) return;
  const pan = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && (event.key === "+" || event.key === "=")) zoom.in();
  else if (plain && event.key === "-") zoom.out();
  else if (plain && event.key === "0") zoom.reset();
  else if (pan && event.target.closest(".zoom")) zoom.pan(...pan);
  else return;
  event.preventDefault();
});

intake($("file"), take, (over) => main.classList.toggle("dropping", over));

$("model").addEventListener("change", (event) => {
  chooseModel(state.models.find((m) => m.name === event.target.value));
  if (state.image) look(state.image);
});

$("tile").addEventListener("change", () => state.image && look(state.image));
$("compare").addEventListener("change", () => {
  zoom.reset();
  if (state.image) look(state.image);
});

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value.trim();
  sessionStorage.setItem("api-key", state.key);
  $("key").value = "";
  for (const image of gallery.images) image.failed = false;
  state.retry?.();
});

window.addEventListener("pagehide", leaveCamera);

loadModels();
