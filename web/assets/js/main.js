// The detection page: its state, and the handlers of user input.
//
//   viewer.js, gallery.js, strip.js, image.js   images and their requests   overlay.js, labels.js, palette.js, sync.js      boxes over an image
//   detections.js, results.js, threshold.js     what is shown of a response zoom.js                                         zoom and pan
//   camera.js, live.js                          the camera                  downloads.js, save.js, labelfiles.js, zip.js    what is saved
//   boxes.js, editor.js, correct.js             boxes by hand               compare.js, curl.js, examples.js                a second model, a command, examples
//   api.js, problems.js                         requests, errors            status.js, format.js                            states of the page, texts

import { Problem, isKey, models } from "./api.js";
import { Camera } from "./camera.js";
import { Compare } from "./compare.js";
import { Correct } from "./correct.js";
import { copy, curl } from "./curl.js";
import { Detections } from "./detections.js";
import { Downloads } from "./downloads.js";
import { Examples } from "./examples.js";
import { list } from "./format.js";
import { sent } from "./gallery.js";
import { intake, jpeg } from "./image.js";
import { Live } from "./live.js";
import { hideProblem, showProblem } from "./problems.js";
import { summary } from "./results.js";
import { announce, busy, enter } from "./status.js";
import { Threshold } from "./threshold.js";
import { Viewer } from "./viewer.js";
import { Zoom } from "./zoom.js";

const $ = (id) => document.getElementById(id);
const main = $("main"), img = $("image"), video = $("video");

const stored = sessionStorage.getItem("api-key") ?? "";

const state = {
  models: [],
  model: null, // of state.models
  key: isKey(stored) ? stored : "",
  image: null, // the Picture that is shown
  answer: null, // response of the server; the id of each detection is its index
  hidden: new Set(), // class ids switched off
  pointed: null, // id of the detection under the pointer or the focus
  picked: null, // id of the detection that was clicked
  request: null, // AbortController of the request in progress
  retry: null, // function of the button "Try again"
};

const threshold = new Threshold({ slider: $("threshold"), value: $("threshold-value"), part: $("best-part"), best: $("best"), classes: $("best-classes") }, () => {
  draw();
  announce(`${summary(shown())}.`);
});
const detections = new Detections(state, threshold, { editing: () => correct.on, marked: () => correct.marked(), redraw: draw, announce });
const shown = (image, answer) => detections.shown(image, answer);
const viewer = new Viewer(state, {
  leaveCamera, forget, draw, shown, options, fail,
  listed: () => downloads.show(),
  compare: (image, signal) => compare.look(image, signal),
  models: () => loadModels().catch(() => {}), // the detection request shows the error
  turned: (image) => {
    zoom.reset();
    examples.mark(image?.blob);
  },
});
const { gallery } = viewer;
const compare = new Compare({ models: () => state.models, visible: (found) => detections.filtered(found), options });
const correct = new Correct(detections.overlay, {
  image: () => state.image, answer: () => state.answer, classes: () => state.model?.classes ?? [], found: () => shown(), picked: () => state.picked,
  pick: (id) => detections.mark({ picked: id }), draw, announce,
});
const downloads = new Downloads({ image: img, format: $("format"), button: $("save-labels") }, {
  state, gallery: () => gallery, shown, threshold: () => threshold.parameter, labels: (images) => correct.labels(images), fail, announce,
});
const examples = new Examples({
  known: (file) => gallery.images.find((image) => image.blob === file), open: (image) => viewer.open(image), take,
  fail: (error, retry) => (enter("image"), fail(error, retry)),
});
const zoom = new Zoom($("stage"), [$("port"), $("other-port")], (value) => {
  const text = `${Math.round(value * 100)}%`;
  $("zoom-value").textContent = text;
  $("zoom-value").setAttribute("aria-label", `Zoom ${text}, reset`);
});

/** options returns the settings of requests. */
function options() {
  return { model: state.model?.name, key: state.key, threshold: threshold.lowest, tile: $("tile").value };
}

function take(files) {
  return viewer.take(files);
}

/** forget removes the last response and error from the page. */
function forget() {
  hideProblem();
  state.answer = null;
  state.pointed = state.picked = null;
  correct.leave();
  draw();
}

function draw() {
  const { answer, image } = state;
  main.classList.toggle("done", answer !== null);
  main.classList.toggle("correcting", Boolean(answer && image?.boxes));
  detections.draw();
  correct.show(answer !== null);
  compare.show(image, answer, shown());
  viewer.drawStrip();
  if (!answer) return;
  if (image) $("curl").textContent = curl(sent(image), { ...options(), threshold: threshold.parameter });
  $("curl-note").hidden = !image?.jpeg;
  if (image?.jpeg) $("curl-note").textContent = `The server does not read the format of ${image.name}. Convert it to ${sent(image).name} first.`;
  detections.mark({});
}

function fail(error, retry) {
  state.retry = retry;
  showProblem(error, Boolean(state.image?.decoded));
  busy(false);
}

// Camera

const camera = new Camera(video);
const live = new Live(camera, { rate: $("rate"), cameras: $("cameras") }, {
  begin: () => {
    viewer.turn(null);
    loadModels().catch(() => {}); // the first frame shows the error
  },
  started: () => {
    enter("live");
    viewer.setFrame(video.videoWidth, video.videoHeight);
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
  options: () => ({ ...options(), tile: "", signal: (state.request = new AbortController()).signal }),
  show: (answer) => {
    answer.detections.forEach((d, i) => (d.id = i));
    Object.assign(state, { answer, pointed: null, picked: null });
    draw();
  },
});

/** takeFrame takes the current frame of the camera as image, at full size. */
async function takeFrame() {
  const frame = await jpeg(video, Infinity, 0.92);
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  await take([new File([frame], `camera ${time}.jpg`, { type: frame.type })]);
}

function leaveCamera() {
  if (camera.on) state.request?.abort();
  camera.stop(); // also one that is about to start
}

function stopCamera() {
  leaveCamera();
  forget();
  enter("empty");
  announce("The camera is off.");
}

// Models

/** begin loads the models for the start screen, and asks for an API key if they need one. Another error does not matter before the first image. */
async function begin() {
  try {
    await loadModels();
  } catch (error) {
    if (error.code !== "unauthorized" || main.dataset.state !== "empty") return;
    enter("image");
    fail(error, () => (hideProblem(), enter("empty"), begin()));
  }
}

/** loadModels requests the models, unless they are known. */
async function loadModels() {
  if (state.models.length > 0) return;
  const found = await models(state.key);
  if (state.models.length > 0) return; // another request was faster
  state.models = found;
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
  viewer.retryAll();
  const labels = model?.classes?.map((c) => c.label) ?? [];
  $("knows").textContent = labels.length === 0 ? "" : `The model detects ${labels.length <= 8 ? list(labels) : `${labels.length} classes`}.`;
  examples.offer(labels);
}

/** tileBy detects in tiles of this side, "" for the whole image only. */
function tileBy(side) {
  $("tile").value = side;
  viewer.retryAll();
  viewer.again();
}

// User input

const actions = {
  choose: () => $("file").click(),
  camera: () => live.start(),
  take: takeFrame,
  stop: stopCamera,
  retry: () => state.retry?.(),
  smaller: () => viewer.smaller(),
  whole: () => tileBy(""),
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
  if (event.key === "Escape") detections.mark({ pointed: null, picked: null });
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
  viewer.again();
});

$("tile").addEventListener("change", () => tileBy($("tile").value));
$("compare").addEventListener("change", () => {
  zoom.reset();
  viewer.again();
});

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  $("key").value = "";
  if (!isKey(key)) {
    fail(new Problem("This is not an API key", "A key consists of letters, digits and signs of ASCII. Spaces and typographic quotes are not among them.", { code: "unauthorized" }), state.retry);
    return;
  }
  state.key = key;
  sessionStorage.setItem("api-key", key);
  viewer.retryAll();
  state.retry?.();
});

window.addEventListener("pagehide", leaveCamera);

window.addEventListener("beforeunload", (event) => {
  if (gallery.images.some((image) => image.boxes?.unsaved)) event.preventDefault(); // the browser asks
});

begin();
