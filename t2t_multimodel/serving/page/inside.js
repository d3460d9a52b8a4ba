// What went on inside the network, drawn: attention over text, picture or sound, and the work of experts.

import { boxes, el, percent, picture, scroll, svg } from "./elements.js";

/** The picture of the input, a spectrogram for sound. */
export const png = (seen) => `data:image/png;base64,${seen.input.png}`;

const part = (title, hint, drawing) => [el("section", {}, el("h4", {}, title), el("p", { class: "hint" }, hint), drawing)];

const piece = (text) => (text === "</s>" ? "(end)" : text.replace(/▁/g, " ").trim() || "␣");

/** Sections on attention and on experts, from an answer of /inspect. */
export const insideOf = (seen) => [...attention(seen), ...experts(seen)];

function attention(seen) {
  const found = seen.attention;
  if (!found || !found.weights.length) return [];
  const most = Math.max(...found.weights.flat());
  const rows = found.weights.map((weights, i) => ({
    name: piece(found.output[i]),
    weights,
    shares: weights.map((weight) => weight / most),
    peak: weights.indexOf(Math.max(...weights)),
  }));
  const title = "Where it looked";
  if (found.grid) {
    return part(title, "The picture for each piece of the answer: bright where the network looked.", tiles(seen, rows));
  }
  const hint = "A row for each piece of the answer; the stronger the colour, the more it looked there.";
  if (found.source) {
    return part(title, `${hint} A column is a piece of your text.`, scroll(title, matrix(rows, found.source.map(piece))));
  }
  return part(title, `${hint} Time goes from left to right.`, strips(seen, rows));
}

/** A table of coloured cells; rows are [name, cells]. */
function table(kind, columns, rows) {
  const head = columns.map((name) => el("th", { scope: "col" }, el("span", {}, name)));
  const lines = rows.map(([name, cells]) => el("tr", {}, el("th", { scope: "row" }, name), ...cells));
  return el("table", { class: kind }, el("thead", {}, el("tr", {}, el("td"), ...head)), el("tbody", {}, ...lines));
}

function matrix(rows, columns) {
  return table("matrix", columns, rows.map((row) => [row.name, row.weights.map((weight, j) => {
    const title = `${row.name}, ${columns[j]}: ${percent(weight)}`;
    return el("td", { title }, boxes([row.shares[j]]), el("span", { class: "unseen" }, percent(weight)));
  })]));
}

function tiles(seen, rows) {
  const [height, width] = seen.attention.grid;
  return el("div", { class: "tiles" }, ...rows.map((row) => {
    const shade = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    row.shares.forEach((share, at) => {
      const box = { x: at % width, y: Math.floor(at / width), width: 1.01, height: 1.01 };
      shade.append(svg("rect", { ...box, "fill-opacity": (0.82 * (1 - share)).toFixed(3) }));
    });
    const where = `most at row ${Math.floor(row.peak / width) + 1} of ${height}, column ${(row.peak % width) + 1} of ${width}`;
    return el("figure", {}, el("div", { class: "spot" }, picture(png(seen), where), shade), el("figcaption", {}, row.name));
  }));
}

function strips(seen, rows) {
  const seconds = seen.input.seconds || 0;
  const parts = rows.map((row) => {
    const at = ((row.peak + 0.5) / row.shares.length) * seconds;
    const strip = boxes(row.shares, { role: "img", "aria-label": `${row.name}: most at ${at.toFixed(1)} s` });
    return [el("span", {}, row.name), strip];
  });
  if (seen.input.png) parts.unshift([el("span"), el("img", { src: png(seen), alt: "Spectrogram" })]);
  const axis = el("p", { class: "hint" }, el("span", {}, "0 s"), el("span", {}, `${seconds.toFixed(1)} s`));
  return el("div", { class: "strips" }, ...parts.flat(), el("span"), axis);
}

function experts(seen) {
  const mixtures = seen.experts.filter((one) => one.load.length);
  if (!mixtures.length) return [];
  const columns = mixtures[0].load.map((_, i) => `Expert ${i + 1}`);
  const cells = (load) => load.map((share) => el("td", {}, boxes([share]), el("span", {}, percent(share))));
  const drawing = table("experts", columns, mixtures.map((one) => [one.name, cells(one.load)]));
  const title = "Which experts worked";
  return part(title, "Each position is sent to a few experts of a mixture: the share that each of them got.", scroll(title, drawing));
}
