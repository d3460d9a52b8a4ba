// Parse trees as drawings.

import { scroll, svg } from "./elements.js";

/** Reads "(S (NP ...". What is still open at the end is closed there. */
function readTree(text) {
  const open = [{ children: [] }];
  for (const [, label, close, word] of text.matchAll(/\(\s*([^\s()]*)|(\))|([^\s()]+)/g)) {
    if (close) {
      if (open.length > 1) open.pop();
      continue;
    }
    const node = { text: word || label, word: word !== undefined, children: [] };
    open[open.length - 1].children.push(node);
    if (!word) open.push(node);
  }
  return open[0].children[0];
}

/** The drawing of a tree in brackets; null where there is none yet. */
export function treeDrawing(text) {
  const root = readTree(text);
  if (!root) return null;
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.font = `17px ${getComputedStyle(document.documentElement).getPropertyValue("--serif")}`;
  const nodes = [];
  let [right, deepest] = [0, 0];
  (function place(node, depth) {
    node.children.forEach((child) => place(child, depth + 1));
    if (node.children.length) {
      node.x = (node.children[0].x + node.children[node.children.length - 1].x) / 2;
    } else {
      const width = Math.max(canvas.measureText(node.text).width, 30);
      node.x = right + width / 2;
      right += width + 18;
    }
    node.depth = depth;
    deepest = Math.max(deepest, depth);
    nodes.push(node);
  })(root, 0);
  const down = (node) => 18 + 46 * (node.word ? deepest : node.depth);
  const [width, height] = [Math.ceil(right), 46 * deepest + 30];
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": `Parse tree: ${text}` });
  drawing.style.minWidth = `${0.75 * width}px`; // smaller it could not be read
  for (const node of nodes) {
    for (const child of node.children) {
      const path = `M${node.x} ${down(node) + 6}L${child.x} ${down(child) - 16}`;
      drawing.append(svg("path", { class: child.word ? "line faint" : "line", d: path }));
    }
  }
  nodes.forEach((node) => drawing.append(svg("text", { class: node.word ? "word" : "tag", x: node.x, y: down(node) }, node.text)));
  return scroll("Parse tree", drawing);
}
