// The page of t2t-query-server: asks for one problem at a time and draws what comes back.
"use strict";

const GROUPS = { text: "From text", image: "From a picture", audio: "From sound" };
const CHOOSE = {
  text: "Type something, or take one of the examples.",
  image: "Choose a picture, or take one of the examples.",
  audio: "Choose or record a sound, or take one of the examples.",
};
const BEAMS = [1, 2, 4, 8];
const RECORDING_RATE = 16000;
const SMALL_PICTURE = 160; // pixels; what is smaller is enlarged without smoothing

const $ = (id) => document.getElementById(id);
let problems = [];
let problem = null;
let run = null; // the AbortController of the question under way
let recording = null;
const given = {}; // what was given last: text by problem, {b64, url} by kind of input

// --- Small helpers -------------------------------------------------------------------------------------------------

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const percent = (share) => `${(100 * share).toFixed(1)}%`;

/** "cause; cure" of the server as sentences. */
function sentence(text) {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}

function picture(url, alt) {
  const image = el("img", { src: url, alt });
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < SMALL_PICTURE));
  return image;
}

/** A box of which a share is filled, as wide as its parent. */
const bar = (share) =>
  svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "ground", width: 1, height: 1 }), svg("rect", { class: "fill", width: share, height: 1 }));

/** A cell that is the fuller coloured, the nearer the share is to 1. */
const cell = (share) =>
  svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "ground", width: 1, height: 1 }),
    svg("rect", { class: "fill", width: 1, height: 1, "fill-opacity": share.toFixed(3) }));

// --- The server ----------------------------------------------------------------------------------------------------

async function reasonOf(response) {
  const body = await response.json().catch(() => ({}));
  const wait = response.headers.get("Retry-After");
  return (body.error || `the server answered ${response.status}`) + (wait ? `; try again in ${wait} s` : "");
}

async function post(path, body, signal) {
  const response = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  });
  if (!response.ok) throw new Error(await reasonOf(response));
  return response;
}

/** The events of a stream, [name, data] each. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const part = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
      if (part("data").length) yield [part("event")[0] || "message", JSON.parse(part("data").join("\n"))];
    }
  }
}

// --- The choice of a problem ---------------------------------------------------------------------------------------

function listProblems() {
  for (const [kind, legend] of Object.entries(GROUPS)) {
    const found = problems.filter((one) => one.input === kind);
    if (!found.length) continue;
    const list = el("div");
    for (const one of found) {
      const radio = el("input", { type: "radio", name: "problem", value: one.name });
      radio.addEventListener("change", () => choose(one));
      list.append(el("label", {}, radio, one.title));
    }
    $("tasks").append(el("fieldset", {}, el("legend", {}, legend), list));
  }
}

function choose(one) {
  cancel();
  stopRecording(false);
  problem = one;
  history.replaceState(null, "", `#${one.name}`);
  const radio = document.querySelector(`input[value="${CSS.escape(one.name)}"]`);
  radio.checked = true;
  radio.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
  $("title").textContent = one.title;
  document.title = `${one.title} · MultiModel`;
  $("answer").hidden = true;
  tell("");
  showField();
  showExamples();
  $("beams-label").hidden = one.output === "class";
  const most = (one.limits && one.limits.beams) || Infinity;
  const wanted = Number($("beams").value) || 4;
  $("beams").replaceChildren(...BEAMS.filter((size) => size <= most).map((size) => el("option", {}, String(size))));
  $("beams").value = String(Math.min(wanted, most));
}

function showField() {
  const text = problem.input === "text";
  document.querySelector("[data-field=text]").hidden = !text;
  document.querySelector("[data-field=file]").hidden = text;
  if (text) {
    $("text").value = given[problem.name] || "";
    return;
  }
  const image = problem.input === "image";
  $("file").value = "";
  $("file").accept = image ? "image/*" : "audio/*";
  $("file-label").textContent = image ? "Your picture" : "Your sound";
  $("file-hint").textContent = image ? "Choose one, drop it here, or paste it." : "Choose a file, or drop it here.";
  $("recorder").hidden = image || !navigator.mediaDevices || !window.MediaRecorder;
  showGiven();
}

function showExamples() {
  const examples = problem.examples || [];
  const pictures = problem.input === "image";
  $("examples").className = pictures ? "pictures" : "";
  $("examples").replaceChildren(...examples.map((one) => {
    const button = el("button", { type: "button" }, ...(pictures ? [picture(one.url, "")] : []), one.label);
    button.addEventListener("click", () => take(one));
    return button;
  }));
  $("ready").hidden = !examples.length;
}

// --- What is given -------------------------------------------------------------------------------------------------

async function take(example) {
  if (problem.input === "text") {
    $("text").value = example.text;
    ask();
    return;
  }
  try {
    const response = await fetch(example.url);
    if (!response.ok) throw new Error(await reasonOf(response));
    await takeFile(await response.blob(), example.label);
  } catch (error) {
    tell(error.message);
  }
}

/** Takes the bytes of a picture or a sound, and asks. */
async function takeFile(blob, name) {
  const most = ((problem.limits && problem.limits.bytes) || Infinity) * 0.74; // of base64, with room for the rest
  if (blob.size > most) {
    tell(`This file has ${(blob.size / 1e6).toFixed(1)} MB, at most ${(most / 1e6).toFixed(1)} MB are taken; give a smaller one`);
    return;
  }
  const before = given[problem.input];
  if (before) URL.revokeObjectURL(before.url);
  given[problem.input] = { b64: await base64(blob), url: URL.createObjectURL(blob), name };
  showGiven();
  ask();
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("the file cannot be read; choose it again"));
    reader.readAsDataURL(blob);
  });
}

function showGiven() {
  const one = given[problem.input];
  const image = one && problem.input === "image";
  $("given").replaceChildren(...(image ? [picture(one.url, "")] : []));
  $("given").hidden = !image;
  $("given-name").textContent = one ? one.name : "";
}

function tell(reason) {
  const field = problem && problem.input !== "text" ? $("file") : $("text");
  const hint = `${field.id}-hint`;
  $("error").textContent = reason && sentence(reason);
  $("error").hidden = !reason;
  for (const one of [$("file"), $("text")]) one.removeAttribute("aria-invalid");
  field.setAttribute("aria-describedby", reason ? `error ${hint}` : hint);
  if (reason) field.setAttribute("aria-invalid", "true");
}

// --- Recording -----------------------------------------------------------------------------------------------------

async function startRecording() {
  tell("");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream);
    const chunks = [];
    const started = Date.now();
    const most = (problem.limits && problem.limits.seconds) || 30;
    recording = { recorder, kept: true };
    const tick = setInterval(() => {
      const seconds = (Date.now() - started) / 1000;
      $("clock").textContent = `${Math.floor(seconds)} s`;
      if (seconds >= most - 0.5) stopRecording(true);
    }, 200);
    recorder.ondataavailable = (event) => chunks.push(event.data);
    recorder.onstop = async () => {
      clearInterval(tick);
      stream.getTracks().forEach((track) => track.stop());
      const { kept } = recording;
      recording = null;
      showRecorder();
      try {
        if (kept) await takeFile(await asWav(new Blob(chunks)), "Your recording");
      } catch {
        tell("The recording cannot be used; record again, or choose a file");
      }
    };
    recorder.start();
    showRecorder();
  } catch {
    tell("There is no microphone that this page may use; allow it in the browser, or choose a file");
  }
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

/** A recording as a WAV file of one channel, 16 bits a sample. */
async function asWav(blob) {
  const decoded = await new OfflineAudioContext(1, 1, RECORDING_RATE).decodeAudioData(await blob.arrayBuffer());
  const context = new OfflineAudioContext(1, Math.ceil(decoded.duration * RECORDING_RATE), RECORDING_RATE);
  const source = context.createBufferSource();
  source.buffer = decoded;
  source.connect(context.destination);
  source.start();
  const samples = (await context.startRendering()).getChannelData(0);
  const bytes = 2 * samples.length;
  const header = new Uint32Array([
    0x46464952, 36 + bytes, 0x45564157, // RIFF, size, WAVE
    0x20746d66, 16, 0x00010001, RECORDING_RATE, 2 * RECORDING_RATE, 0x00100002, // fmt: PCM, one channel, 16 bits
    0x61746164, bytes, // data
  ]);
  const values = Int16Array.from(samples, (value) => Math.max(-1, Math.min(1, value)) * 32767);
  return new Blob([header, values], { type: "audio/wav" });
}

// --- Asking --------------------------------------------------------------------------------------------------------

/** The input as requests have it, or null after saying what is missing. */
function input() {
  if (problem.input !== "text") {
    if (!given[problem.input]) tell(CHOOSE[problem.input]);
    return given[problem.input] ? { b64: given[problem.input].b64 } : null;
  }
  const text = $("text").value.trim().replace(/\s+/g, " ");
  const most = problem.limits && problem.limits.characters;
  given[problem.name] = $("text").value;
  if (!text) tell(CHOOSE.text);
  else if (most && text.length > most) tell(`This text has ${text.length} characters, at most ${most} are taken; shorten it`);
  else return text;
  return null;
}

async function ask() {
  cancel();
  tell("");
  const value = input();
  if (value === null) {
    $(problem.input === "text" ? "text" : "file").focus();
    return;
  }
  const mine = (run = new AbortController());
  const decode = problem.output === "class" ? {} : { decode: { beam_size: Number($("beams").value), alpha: 0.6 } };
  working(true);
  try {
    const response = await post(`/v1/${problem.name}`, { inputs: [value], ...decode, stream: true }, mine.signal);
    begin(value);
    for await (const [name, data] of events(response)) {
      if (name === "partial") grow(data.text);
      else if (name === "error" || data.error) throw new Error(data.error);
      else if (name === "output") finish(data);
    }
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  } finally {
    if (run === mine) working(false);
  }
}

function cancel() {
  if (run) run.abort();
  working(false);
}

function working(yes) {
  if (!yes) run = null;
  $("stop").hidden = !yes;
  $("answer").setAttribute("aria-busy", String(yes));
  if (yes) $("status").textContent = "Working";
  document.querySelectorAll(".growing").forEach((one) => one.classList.remove("growing"));
}

function fail(error) {
  $("answer").hidden = true;
  if (problem.input !== "text") showGiven();
  $("status").textContent = "";
  tell(error instanceof TypeError ? "The server does not answer; see that t2t-query-server runs, and try again" : error.message);
}

// --- The answer ----------------------------------------------------------------------------------------------------

let shown = null; // {said, input} of the answer on the page

function begin(value) {
  const said = el("p", { class: "said growing" });
  shown = { said, input: value, seen: null };
  const one = given[problem.input];
  let result = said;
  if (problem.input === "image") {
    $("given").hidden = true; // it stands above its answer
    result = el("figure", { class: problem.output === "class" ? "classified" : "captioned" },
      picture(one.url, one.name), el("figcaption", {}, said));
  } else if (problem.input === "audio") {
    shown.spectrogram = el("div", { class: "heard" }, el("audio", { controls: "", src: one.url, "aria-label": "The sound" }));
    result = el("figure", {}, shown.spectrogram, el("figcaption", {}, said));
  }
  $("result").replaceChildren(result);
  for (const id of ["candidates", "warning", "look", "inside"]) $(id).hidden = true;
  $("look").setAttribute("aria-expanded", "false");
  $("answer").hidden = false;
  $("answer").scrollIntoView({ block: "nearest" });
}

function grow(text) {
  if (problem.output === "tree") drawTree(text);
  else shown.said.textContent = text;
}

function finish(output) {
  shown.said.classList.remove("growing");
  grow(output.text);
  const beams = output.beams || [];
  if (problem.output === "class") shown.said.after(bars(beams));
  else showBeams(beams.length ? beams : [output]);
  $("warning").textContent = output.warning ? sentence(output.warning) : "";
  $("warning").hidden = !output.warning;
  $("look").hidden = false;
  $("status").textContent = `Answer: ${output.text || "nothing"}`;
  $("answer").scrollIntoView({ block: "nearest" });
  if (problem.input === "audio") inspect().then(showSpectrogram, () => {});
}

const bars = (beams) =>
  el("ol", { class: "bars", "aria-label": "The most probable" },
    ...beams.map((one) => el("li", {}, el("span", {}, one.text), bar(one.score), el("span", { class: "number" }, percent(one.score)))));

function showBeams(beams) {
  $("beam-list").classList.toggle("brackets", problem.output === "tree");
  $("beam-list").replaceChildren(...beams.map((one) =>
    el("li", {}, el("span", {}, one.text), el("span", { class: "number" }, one.score.toFixed(3).replace("-", "−")))));
  $("candidates").querySelector("h4").textContent = beams.length > 1 ? "Candidates" : "Score";
  $("score-hint").textContent = "The number is the log-probability of the whole answer: the nearer to 0, the surer.";
  $("candidates").hidden = false;
}

function showSpectrogram(seen) {
  if (!seen.input.png || !shown.spectrogram || shown.spectrogram.querySelector("img")) return;
  shown.spectrogram.prepend(el("img", { src: png(seen), alt: `Spectrogram of ${(seen.input.seconds || 0).toFixed(1)} seconds` }));
}

// --- Trees ---------------------------------------------------------------------------------------------------------

/** Reads "(S (NP ...". What is still open at the end is closed there. */
function readTree(text) {
  const root = { label: "", children: [] };
  const open = [root];
  for (const [, bracket, label, close, word] of text.matchAll(/(\()\s*([^\s()]*)|(\))|([^\s()]+)/g)) {
    const top = open[open.length - 1];
    if (bracket) {
      const node = { label, children: [] };
      top.children.push(node);
      open.push(node);
    } else if (close) {
      if (open.length > 1) open.pop();
    } else top.children.push({ word });
  }
  return root.children[0];
}

function drawTree(text) {
  const root = readTree(text);
  if (!root) return;
  const measure = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const width = (name, font) => {
    measure.font = font;
    return measure.measureText(name).width;
  };
  const nodes = [];
  let right = 0;
  let deepest = 0;
  (function place(node, depth) {
    if (node.word === undefined && node.children.length) {
      node.children.forEach((child) => place(child, depth + 1));
      node.x = (node.children[0].x + node.children[node.children.length - 1].x) / 2;
    } else {
      const words = width(node.word || node.label, `17px ${style.getPropertyValue("--serif")}`);
      node.x = right + Math.max(words, 30) / 2;
      right += Math.max(words, 30) + 18;
    }
    node.depth = depth;
    deepest = Math.max(deepest, depth);
    nodes.push(node);
  })(root, 0);
  const down = (node) => 18 + 46 * (node.word === undefined ? node.depth : deepest);
  const drawing = svg("svg", { width: Math.ceil(right), height: 46 * deepest + 30, role: "img", "aria-label": `Parse tree: ${text}` });
  for (const node of nodes) {
    for (const child of node.children || []) {
      const kind = child.word === undefined ? "line" : "line faint";
      drawing.append(svg("path", { class: kind, d: `M${node.x} ${down(node) + 6}L${child.x} ${down(child) - 16}` }));
    }
  }
  for (const node of nodes) {
    const kind = node.word === undefined ? "tag" : "word";
    drawing.append(svg("text", { class: kind, x: node.x, y: down(node) }, node.word === undefined ? node.label : node.word));
  }
  $("result").replaceChildren(scroll("Parse tree", drawing));
}

/** A region that scrolls sideways, by keyboard as well. */
const scroll = (name, ...children) => el("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, ...children);

// --- Looking inside ------------------------------------------------------------------------------------------------

const png = (seen) => `data:image/png;base64,${seen.input.png}`;

/** What /inspect says of the answer on the page; asked for once. */
function inspect() {
  shown.seen = shown.seen || post(`/v1/${problem.name}/inspect`, { inputs: [shown.input] }).then((response) => response.json());
  return shown.seen;
}

async function lookInside() {
  const open = $("look").getAttribute("aria-expanded") === "true";
  $("look").setAttribute("aria-expanded", String(!open));
  $("inside").hidden = open;
  if (open) return;
  const mine = shown;
  $("inside").replaceChildren(el("p", { class: "hint" }, "Looking."));
  try {
    const seen = await inspect();
    if (shown === mine) $("inside").replaceChildren(...attention(seen), ...experts(seen));
  } catch (error) {
    mine.seen = null;
    if (shown === mine) $("inside").replaceChildren(el("p", { class: "error", role: "alert" }, sentence(error.message)));
  }
}

const piece = (text) => text.replace(/▁/g, " ").trim() || "␣";

function attention(seen) {
  const found = seen.attention;
  if (!found || !found.weights.length) return [];
  const rows = found.output.map(piece);
  const most = Math.max(...found.weights.flat());
  const part = (drawing, hint) => [el("section", {}, el("h4", {}, "Where it looked"), el("p", { class: "hint" }, hint), drawing)];
  if (found.grid && seen.input.png) {
    return part(tiles(seen, rows, most), "The picture for each piece of the answer: bright where the network looked.");
  }
  if (found.source) {
    const hint = "A row for each piece of the answer, a column for each piece of your text: the stronger the colour, the more it looked there.";
    return part(scroll("Where it looked", matrix(found, rows, found.source.map(piece), most)), hint);
  }
  return part(strips(seen, rows, most), "A row for each piece of the answer, time from left to right: the stronger the colour, the more it listened there.");
}

function matrix(found, rows, columns, most) {
  const head = el("tr", {}, el("td"), ...columns.map((name) => el("th", { scope: "col" }, el("span", {}, name))));
  const lines = found.weights.map((weights, i) =>
    el("tr", {}, el("th", { scope: "row" }, rows[i]), ...weights.map((weight, j) => {
      const value = percent(weight);
      return el("td", { title: `${rows[i]}, ${columns[j]}: ${value}` }, cell(weight / most), el("span", { class: "unseen" }, value));
    })));
  return el("table", { class: "matrix" }, el("thead", {}, head), el("tbody", {}, ...lines));
}

/** The place of the greatest of some numbers. */
const peak = (weights) => weights.indexOf(Math.max(...weights));

function tiles(seen, rows, most) {
  const { weights, grid: [height, width] } = seen.attention;
  return el("div", { class: "tiles" }, ...weights.map((shares, i) => {
    const shade = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    shares.forEach((share, at) => {
      const box = { x: at % width, y: Math.floor(at / width), width: 1.02, height: 1.02 };
      shade.append(svg("rect", { class: "shade", ...box, "fill-opacity": (0.82 * (1 - share / most)).toFixed(3) }));
    });
    const at = peak(shares);
    const where = `most at row ${Math.floor(at / width) + 1} of ${height}, column ${at % width + 1} of ${width}`;
    return el("figure", {}, el("div", { class: "spot" }, picture(png(seen), where), shade), el("figcaption", {}, rows[i]));
  }));
}

function strips(seen, rows, most) {
  const { weights } = seen.attention;
  const seconds = seen.input.seconds || 0;
  const box = el("div", { class: "strips" });
  if (seen.input.png) box.append(el("span"), el("img", { src: png(seen), alt: "Spectrogram" }));
  weights.forEach((shares, i) => {
    const at = ((peak(shares) + 0.5) / shares.length) * seconds;
    const name = `${rows[i]}: most at ${at.toFixed(1)} s`;
    const strip = svg("svg", { viewBox: `0 0 ${shares.length} 1`, preserveAspectRatio: "none", role: "img", "aria-label": name });
    strip.append(svg("rect", { class: "ground", width: shares.length, height: 1 }));
    shares.forEach((share, j) => {
      strip.append(svg("rect", { class: "fill", x: j, width: 1.02, height: 1, "fill-opacity": (share / most).toFixed(3) }));
    });
    box.append(el("span", {}, rows[i]), strip);
  });
  box.append(el("span"), el("p", { class: "hint" }, el("span", {}, "0 s"), el("span", {}, `${seconds.toFixed(1)} s`)));
  return box;
}

function experts(seen) {
  const mixtures = (seen.experts || []).filter((one) => one.load.length);
  if (!mixtures.length) return [];
  const count = Math.max(...mixtures.map((one) => one.load.length));
  const head = el("tr", {}, el("td"), ...Array.from({ length: count }, (_, i) => el("th", { scope: "col" }, `Expert ${i + 1}`)));
  const rows = mixtures.map((one) =>
    el("tr", {}, el("th", { scope: "row" }, one.name), ...one.load.map((share) => el("td", {}, cell(share), el("span", {}, percent(share))))));
  const table = el("table", { class: "experts" }, el("thead", {}, head), el("tbody", {}, ...rows));
  const hint = "Each position of a sequence is sent to a few experts of a mixture: the share that each one got.";
  return [el("section", {}, el("h4", {}, "Which experts worked"), el("p", { class: "hint" }, hint), scroll("Which experts worked", table))];
}

// --- Start ---------------------------------------------------------------------------------------------------------

function listen() {
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
  });
  $("stop").addEventListener("click", () => {
    cancel();
    $("status").textContent = "Stopped";
  });
  $("look").addEventListener("click", lookInside);
  $("file").addEventListener("change", () => $("file").files[0] && takeFile($("file").files[0], $("file").files[0].name));
  $("record").addEventListener("click", () => (recording ? stopRecording(true) : startRecording()));
  const files = (transfer) => (problem && problem.input !== "text" ? [...transfer.files] : []);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    for (const file of files(event.dataTransfer).slice(0, 1)) takeFile(file, file.name);
  });
  document.addEventListener("paste", (event) => {
    for (const file of files(event.clipboardData).slice(0, 1)) takeFile(file, file.name || "Your picture");
  });
  window.addEventListener("hashchange", () => {
    const named = problems.find((one) => `#${one.name}` === location.hash);
    if (named && named !== problem) choose(named);
  });
}

async function start() {
  listen();
  try {
    const response = await fetch("/v1/problems");
    if (!response.ok) throw new Error(await reasonOf(response));
    const found = await response.json();
    problems = found.problems;
    $("about").textContent = `One network, ${problems.length === 1 ? "one task" : `${problems.length} tasks`}; step ${found.step.toLocaleString("en")}`;
  } catch (error) {
    $("title").textContent = "The server does not answer";
    tell(error instanceof TypeError ? "See that t2t-query-server runs, and load the page again" : error.message);
    return;
  }
  listProblems();
  choose(problems.find((one) => `#${one.name}` === location.hash) || problems[0]);
}

start();
