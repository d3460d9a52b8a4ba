// The page of t2t-query-server: asks for one problem at a time and draws what comes back.

import { $, el, percent, picture, sentence, svg } from "./elements.js";
import { insideOf, png } from "./inside.js";
import { treeDrawing } from "./tree.js";

const GROUPS = { text: "From text", image: "From a picture", audio: "From sound" };
const MISSING = {
  text: "Type something, or take one of the examples",
  image: "Choose a picture, or take one of the examples",
  audio: "Choose or record a sound, or take one of the examples",
};
const BEAMS = [1, 2, 4, 8];
const BASE64_SHARE = 0.74; // of a request's bytes that a file may have
const RECORDING_RATE = 16000;

let problems = [];
let problem = null;
let run = null; // the AbortController of the question under way
let recording = null; // {recorder, kept}
let shown = null; // the answer on the page: {said, asked, seen}
const given = {}; // what was given last: text by problem, {b64, url, name} by kind of input

// --- The server ---

/** Asks the server; a refusal and a silence become an Error that says why. */
async function request(path, options = {}) {
  const response = await fetch(path, options).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; see that t2t-query-server runs, and try again");
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Error(body.error || `the server answered with status ${response.status}; try again`);
}

const post = (path, body, signal) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

/** The server-sent events of a response, [name, data] each. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = block.match(/^event: (.*)\ndata: (.*)$/) || [];
      if (name) yield [name, JSON.parse(data)];
    }
  }
}

// --- The choice of a problem ---

function listProblems() {
  for (const [kind, legend] of Object.entries(GROUPS)) {
    const labels = problems.filter((one) => one.input === kind).map((one) => {
      const radio = el("input", { type: "radio", name: "problem", value: one.name });
      radio.onchange = () => choose(one);
      return el("label", {}, radio, one.title);
    });
    if (labels.length) $("tasks").append(el("fieldset", {}, el("legend", {}, legend), el("div", {}, ...labels)));
  }
}

function choose(one) {
  cancel();
  stopRecording(false);
  if (problem && problem.input === "text") given[problem.name] = $("text").value;
  problem = one;
  history.replaceState(null, "", `#${one.name}`);
  const radio = document.querySelector(`input[value="${CSS.escape(one.name)}"]`);
  radio.checked = true;
  radio.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
  $("title").textContent = one.title;
  document.title = `${one.title} · MultiModel`;
  $("answer").hidden = true;
  $("status").textContent = "";
  tell("");
  showField();
  showExamples();
  const wanted = Math.min(Number($("beams").value) || 4, one.limits.beams);
  $("beams").replaceChildren(...BEAMS.filter((size) => size <= one.limits.beams).map((size) => el("option", {}, `${size}`)));
  $("beams").value = String(wanted);
  $("beams-label").hidden = one.output === "class";
}

function showField() {
  const image = problem.input === "image";
  for (const field of document.querySelectorAll("[data-field]")) {
    field.hidden = (field.dataset.field === "text") !== (problem.input === "text");
  }
  $("text").value = given[problem.name] || "";
  $("file").value = "";
  $("file").accept = image ? "image/*" : "audio/*";
  $("file-label").textContent = image ? "Your picture" : "Your sound";
  $("file-hint").textContent = image ? "Choose one, drop it here, or paste it." : "Choose a file, or drop it here.";
  $("recorder").hidden = image || !navigator.mediaDevices || !window.MediaRecorder;
  showGiven();
}

function showGiven() {
  const one = given[problem.input];
  $("given").hidden = !one || problem.input !== "image";
  $("given").replaceChildren(...($("given").hidden ? [] : [picture(one.url, "")]));
  $("given-name").textContent = one ? one.name : "";
}

function showExamples() {
  const pictures = problem.input === "image";
  $("examples").className = pictures ? "pictures" : "";
  $("examples").replaceChildren(...problem.examples.map((one) => {
    const button = el("button", { type: "button" }, ...(pictures ? [picture(one.url, "")] : []), one.label);
    button.onclick = () => take(one);
    return button;
  }));
  $("ready").hidden = !problem.examples.length;
}

// --- What is given ---

async function take(example) {
  const mine = problem;
  if (mine.input !== "text") {
    const blob = await request(example.url).then((response) => response.blob(), (error) => tell(error.message));
    return blob && mine === problem && takeFile(blob, example.label);
  }
  $("text").value = example.text;
  return ask();
}

/** Takes the bytes of a picture or a sound, and asks, unless the person has gone on to another problem. */
async function takeFile(blob, name) {
  const mine = problem;
  const most = problem.limits.bytes * BASE64_SHARE;
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  if (blob.size > most) return tell(`This file has ${megabytes(blob.size)}; give one of at most ${megabytes(most)}`);
  const b64 = await base64(blob).catch(() => null);
  if (mine !== problem) return undefined;
  if (b64 === null) return tell("The file cannot be read; choose it again");
  if (given[problem.input]) URL.revokeObjectURL(given[problem.input].url);
  given[problem.input] = { b64, url: URL.createObjectURL(blob), name };
  showGiven();
  return ask();
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

/** Says what is wrong beside the field; "" takes it back. */
function tell(reason) {
  const field = $(problem && problem.input !== "text" ? "file" : "text");
  $("error").textContent = reason && sentence(reason);
  $("error").hidden = !reason;
  for (const one of [$("file"), $("text")]) one.removeAttribute("aria-invalid");
  field.setAttribute("aria-describedby", `${reason && "error "}${field.id}-hint`);
  if (reason) field.setAttribute("aria-invalid", "true");
}

// --- Recording ---

async function startRecording() {
  tell("");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
  if (!stream) return tell("There is no microphone that this page may use; allow it in the browser, or choose a file");
  const [recorder, chunks, started] = [new MediaRecorder(stream), [], Date.now()];
  const most = problem.limits.seconds || 30;
  recording = { recorder, kept: true };
  const tick = setInterval(() => {
    const seconds = (Date.now() - started) / 1000;
    $("clock").textContent = `${Math.floor(seconds)} s`;
    if (seconds > most - 0.5) stopRecording(true);
  }, 200);
  recorder.ondataavailable = (event) => chunks.push(event.data);
  recorder.onstop = async () => {
    clearInterval(tick);
    stream.getTracks().forEach((track) => track.stop());
    const { kept } = recording;
    recording = null;
    showRecorder();
    const wav = kept && (await asWav(new Blob(chunks)).catch(() => null));
    if (wav) takeFile(wav, "Your recording");
    else if (kept) tell("The recording is empty; record for longer, or choose a file");
  };
  recorder.start();
  return showRecorder();
}

function stopRecording(kept) {
  if (!recording || recording.recorder.state === "inactive") return;
  recording.kept = kept;
  recording.recorder.stop();
}

function showRecorder() {
  $("record").textContent = recording ? "Stop recording" : "Record";
  $("record").classList.toggle("recording", Boolean(recording));
  $("clock").textContent = "";
}

/** The first channel of a recording as a WAV file, 16 bits a sample. */
async function asWav(blob) {
  const context = new OfflineAudioContext(1, 1, RECORDING_RATE); // decodes to its own rate
  const samples = (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
  const bytes = 2 * samples.length;
  const header = new Uint32Array([
    0x46464952, 36 + bytes, 0x45564157, // RIFF, size, WAVE
    0x20746d66, 16, 0x00010001, RECORDING_RATE, 2 * RECORDING_RATE, 0x00100002, // fmt: PCM, one channel, 16 bits
    0x61746164, bytes, // data
  ]);
  const values = Int16Array.from(samples, (value) => Math.max(-1, Math.min(1, value)) * 32767);
  return new Blob([header, values], { type: "audio/wav" });
}

// --- Asking ---

/** The input as requests have it; throws an Error that says what is missing. */
function input() {
  const value = problem.input === "text" ? $("text").value.trim().replace(/\s+/g, " ") : given[problem.input];
  if (!value) throw new Error(MISSING[problem.input]);
  if (problem.input !== "text") return { b64: value.b64 };
  given[problem.name] = $("text").value;
  const most = problem.limits.characters;
  if (value.length > most) throw new Error(`This text has ${value.length} characters; give at most ${most}`);
  return value;
}

async function ask() {
  cancel();
  tell("");
  const mine = (run = new AbortController());
  try {
    const decode = problem.output === "class" ? {} : { decode: { beam_size: Number($("beams").value), alpha: 0.6 } };
    const asked = { inputs: [input()], ...decode };
    begin(asked);
    const response = await post(`/v1/${problem.name}`, { ...asked, stream: true }, mine.signal);
    for await (const [name, data] of events(response)) {
      if (run !== mine) return undefined;
      if (name === "partial") grow(data.text);
      else if (name === "output") return finish(data);
      else throw new Error(data.error);
    }
    throw new Error("the answer broke off; try again");
  } catch (error) {
    return error.name === "AbortError" ? undefined : fail(error);
  } finally {
    if (run === mine) ready();
  }
}

function cancel() {
  if (run) run.abort();
  ready();
}

function ready() {
  run = null;
  $("stop").hidden = true;
  $("answer").setAttribute("aria-busy", "false");
  document.querySelectorAll(".growing").forEach((one) => one.classList.remove("growing"));
}

function fail(error) {
  $("answer").hidden = true;
  $("status").textContent = "";
  showGiven();
  tell(error.message);
  $(problem.input === "text" ? "text" : "file").focus();
}

// --- The answer ---

function begin(asked) {
  const [said, one] = [el("p", { class: "said growing" }), given[problem.input]];
  shown = { said, asked, seen: null };
  let result = said;
  if (problem.input === "image") {
    $("given").hidden = true; // it stands above its answer
    const kind = problem.output === "class" ? "classified" : "captioned";
    result = el("figure", { class: kind }, picture(one.url, one.name), el("figcaption", {}, said));
  } else if (problem.input === "audio") {
    const sound = el("audio", { controls: "", src: one.url, "aria-label": "Your sound" });
    result = el("figure", {}, el("div", { class: "heard" }, sound), el("figcaption", {}, said));
  }
  $("result").replaceChildren(result);
  for (const id of ["candidates", "warning", "look", "inside"]) $(id).hidden = true;
  $("look").setAttribute("aria-expanded", "false");
  $("answer").hidden = $("stop").hidden = false;
  $("answer").setAttribute("aria-busy", "true");
  $("status").textContent = "Working";
  $("answer").scrollIntoView({ block: "nearest" });
}

function grow(text) {
  shown.said.textContent = text;
  const tree = problem.output === "tree" && treeDrawing(text);
  if (tree) $("result").replaceChildren(tree);
}

function finish(output) {
  shown.said.classList.remove("growing");
  grow(output.text);
  if (problem.output === "class") shown.said.after(bars(output.beams));
  else showBeams(output.beams.length ? output.beams : [output]);
  $("warning").textContent = output.warning ? sentence(output.warning) : "";
  $("warning").hidden = !output.warning;
  $("look").hidden = false;
  $("status").textContent = `Answer: ${output.text || "nothing"}`;
  $("answer").scrollIntoView({ block: "nearest" });
  if (problem.input === "audio") showSpectrogram(shown);
}

/** Bars of probabilities. */
const bars = (beams) =>
  el("ol", { class: "bars", "aria-label": "The most probable" }, ...beams.map((one) => {
    const bar = svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "ground", width: 1, height: 1 }), svg("rect", { class: "fill", width: one.score, height: 1 }));
    return el("li", {}, el("span", {}, one.text), bar, el("span", { class: "number" }, percent(one.score)));
  }));

function showBeams(beams) {
  $("beam-list").classList.toggle("brackets", problem.output === "tree");
  $("beam-list").replaceChildren(...beams.map((one) =>
    el("li", {}, el("span", {}, one.text), el("span", { class: "number" }, one.score.toFixed(3).replace("-", "−")))));
  $("candidates-title").textContent = beams.length > 1 ? "Candidates" : "Score";
  $("candidates").hidden = false;
}

async function showSpectrogram(mine) {
  const seen = await inspect().catch(() => null); // "Look inside" says why
  if (!seen || !seen.input.png || shown !== mine) return;
  const image = el("img", { src: png(seen), alt: `Spectrogram of ${seen.input.seconds.toFixed(1)} seconds` });
  document.querySelector(".heard").prepend(image);
}

// --- Looking inside ---

/** What /inspect says of the answer on the page; asked for once. */
function inspect() {
  const mine = shown;
  mine.seen = mine.seen || post(`/v1/${problem.name}/inspect`, mine.asked).then((response) => response.json());
  mine.seen.catch(() => (mine.seen = null));
  return mine.seen;
}

async function lookInside() {
  const [mine, open] = [shown, $("inside").hidden];
  $("look").setAttribute("aria-expanded", String(open));
  $("inside").hidden = !open;
  if (!open) return;
  $("inside").replaceChildren(el("p", { class: "hint" }, "Looking"));
  const parts = await inspect().then(insideOf, (error) => [el("p", { class: "error", role: "alert" }, sentence(error.message))]);
  if (shown === mine) $("inside").replaceChildren(...parts);
}

// --- Start ---

function listen() {
  $("ask").onsubmit = (event) => {
    event.preventDefault();
    ask();
  };
  $("text").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
  };
  $("stop").onclick = () => {
    cancel();
    $("answer").hidden = !shown.said.textContent;
    $("status").textContent = "Stopped";
    $("answer-button").focus();
  };
  $("look").onclick = lookInside;
  $("record").onclick = () => (recording ? stopRecording(true) : startRecording());
  $("file").onchange = () => takeFirst($("file").files);
  document.onpaste = (event) => takeFirst(event.clipboardData.files);
  document.ondragleave = () => $("drop").classList.remove("over");
  document.ondragover = document.ondrop = (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") takeFirst(event.dataTransfer.files);
  };
  window.onhashchange = () => chooseNamed(problem);
}

function takeFirst(files) {
  if (problem.input !== "text" && files.length) takeFile(files[0], files[0].name);
}

function chooseNamed(otherwise) {
  const named = problems.find((one) => `#${one.name}` === location.hash) || otherwise;
  if (named !== problem) choose(named);
}

async function start() {
  try {
    const found = await (await request("/v1/problems")).json();
    problems = found.problems.filter((one) => one.input in GROUPS);
    if (!problems.length) throw new Error("this model has no problem of text, pictures or sound; use its API");
    const count = problems.length === 1 ? "one task" : `${problems.length} tasks`;
    $("about").textContent = `One network, ${count}, ${found.step.toLocaleString("en")} training steps`;
  } catch (error) {
    $("title").textContent = "Not loaded";
    tell(error.message);
    return;
  }
  listen();
  listProblems();
  chooseNamed(problems[0]);
}

start();
