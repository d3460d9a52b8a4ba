// Elements of the page, from text and numbers alone: no markup is ever read.

const SMALL_PICTURE = 160; // pixels; what is smaller is enlarged without smoothing

export const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

export const percent = (share) => `${(100 * share).toFixed(1)}%`;

/** "cause; cure" of the server as a sentence. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

export function picture(src, alt) {
  const image = el("img", { src, alt });
  image.onload = () => image.classList.toggle("small", image.naturalWidth < SMALL_PICTURE);
  return image;
}

/** A row of boxes that fills its parent, each the fuller coloured, the nearer its share is to 1. */
export function boxes(shares, attributes = { "aria-hidden": "true" }) {
  const row = svg("svg", { viewBox: `0 0 ${shares.length} 1`, preserveAspectRatio: "none", ...attributes });
  row.append(svg("rect", { class: "ground", width: shares.length, height: 1 }));
  shares.forEach((share, x) => row.append(svg("rect", { class: "fill", x, width: 1.01, height: 1, "fill-opacity": share.toFixed(3) })));
  return row;
}

/** A region that scrolls sideways, by keyboard as well. */
export const scroll = (name, ...children) => el("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, ...children);
