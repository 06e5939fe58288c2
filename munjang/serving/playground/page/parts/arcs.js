// A dependency tree as arcs over its words, and what it says about each noun. Plain DOM: texts are set as textContent
// only, nothing is fetched. `tree` is a response of POST /parse: words, heads, relations. With probabilities, arcs show
// their confidence; with triples ("triples": true), the nouns are listed below.

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 16, NARROW = 9, GAP = 26, MARGIN = 18, LEVEL = 30, LINE = 24; // pixels

const SAID = { modifier: "modified by", subject: "subject of", object: "object of" };

/** Draw a tree into an element and replace its content. said: the words before the modifiers and predicates of a noun. */
export function drawTree(container, tree, said = SAID) {
  const parts = tree.words.length ? [picture(tree), ...nounList(tree, said)] : [text("p", "arcs-empty", "–")];
  container.replaceChildren(...parts);
}

/** The modifiers of each noun, with everything below them, and the predicates that it is the subject or object of. */
export function nouns(tree) {
  const found = new Map();
  const of = (place) => {
    if (!found.has(place)) found.set(place, { place, word: tree.words[place - 1], modifiers: [], predicates: [] });
    return found.get(place);
  };
  for (const item of tree.triples ?? []) {
    if (item.kind === "modifier") of(item.head).modifiers.push(phrase(tree, item.word));
    else of(item.word).predicates.push({ kind: item.kind, word: item.head_text });
  }
  return [...found.values()].sort((a, b) => a.place - b.place);
}

/** A word with everything below it, in the order of the sentence. */
function phrase(tree, top) {
  const below = new Set([top]);
  for (let size = 0; size < below.size; ) {
    size = below.size;
    tree.heads.forEach((head, i) => { if (below.has(head)) below.add(i + 1); });
  }
  return [...below].sort((a, b) => a - b).map((place) => tree.words[place - 1]).join(" ");
}

function picture(tree) {
  const centres = [];
  let left = MARGIN;
  for (const word of tree.words) {
    const width = Math.max(wordWidth(word), 36);
    centres.push(left + width / 2);
    left += width + GAP;
  }
  const levels = arcLevels(tree.heads);
  const base = Math.ceil(MARGIN + 0.75 * LEVEL * Math.max(...levels)) + LINE; // a curve reaches three quarters of its height
  const width = left - GAP + MARGIN, height = base + 2 * LINE;
  const drawing = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", class: "arcs-tree" });
  drawing.setAttribute("aria-label", tree.words.map((word, i) => arcText(tree, i)).join("; "));
  tree.words.forEach((word, i) => drawing.append(arc(tree, i, centres, levels[i], base)));
  tree.words.forEach((word, i) => drawing.append(label(word, centres[i], base + LINE, "arcs-word")));
  const frame = document.createElement("div");
  frame.className = "arcs-frame";
  frame.tabIndex = 0; // so that the keyboard can scroll a long sentence
  frame.append(drawing);
  return frame;
}

/** The arc from a word's head to the word, with the relation on it; the arc of the root comes from above. */
function arc(tree, i, centres, level, base) {
  const head = tree.heads[i], end = centres[i], top = base - LEVEL * level;
  const start = head ? centres[head - 1] + (end > centres[head - 1] ? 6 : -6) : end;
  const group = shape("g", { class: head ? "arcs-arc" : "arcs-arc arcs-root" });
  const title = shape("title", {});
  title.textContent = arcText(tree, i);
  const line = head
    ? `M${start} ${base} C${start} ${top} ${end} ${top} ${end} ${base - 4}`
    : `M${end} ${top - 4} L${end} ${base - 4}`;
  const height = head ? base - 0.75 * (base - top) : top - 8;
  group.append(
    title,
    shape("path", { d: line, class: "arcs-line" }),
    shape("path", { d: `M${end} ${base + 2} l-4 -8 l8 0 z`, class: "arcs-tip" }),
    label(tree.relations[i], head ? (start + end) / 2 : end, height - 3, "arcs-relation"),
  );
  const sure = tree.probabilities?.[i];
  if (sure !== undefined && sure < 0.5) group.classList.add("arcs-unsure");
  return group;
}

/** One arc in words: `나는 ← 걸었다, NP_SBJ, 0.98`. */
function arcText(tree, i) {
  const head = tree.heads[i], sure = tree.probabilities?.[i];
  const pair = head ? `${tree.words[i]} ← ${tree.words[head - 1]}` : tree.words[i];
  return `${pair}, ${tree.relations[i]}${sure === undefined ? "" : `, ${sure.toFixed(2)}`}`;
}

/** The height of each arc, from 1: above every arc inside it. */
function arcLevels(heads) {
  const spans = heads.map((head, i) => [Math.min(i + 1, head || i + 1), Math.max(i + 1, head)]);
  const order = spans.map((_, i) => i).sort((a, b) => spans[a][1] - spans[a][0] - (spans[b][1] - spans[b][0]));
  const levels = heads.map(() => 0);
  for (const i of order) {
    const within = order.filter((j) => levels[j] && spans[i][0] <= spans[j][0] && spans[j][1] <= spans[i][1]);
    levels[i] = Math.max(0, ...within.map((j) => levels[j])) + 1;
  }
  return levels;
}

/** The approximate width of a word; Hangul and similar letters are twice as wide as Latin letters. */
function wordWidth(word) {
  return [...word].reduce((sum, letter) => sum + (letter.codePointAt(0) >= 0x1100 ? WIDE : NARROW), 0);
}

function nounList(tree, said) {
  const found = nouns(tree);
  if (!found.length) return [];
  const list = document.createElement("dl");
  list.className = "arcs-nouns";
  for (const noun of found) {
    list.append(text("dt", "", noun.word));
    for (const modifier of noun.modifiers) list.append(entry("modifier", modifier));
    for (const { kind, word } of noun.predicates) list.append(entry(kind, word));
  }
  return [list];

  function entry(kind, words) {
    const element = text("dd", `arcs-${kind}`, words);
    element.dataset.said = said[kind];
    return element;
  }
}

function text(kind, name, content) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  element.textContent = content;
  return element;
}

function label(content, x, y, name) {
  const element = shape("text", { x, y, class: name, "text-anchor": "middle" });
  element.textContent = content;
  return element;
}

function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, typeof value === "number" ? Math.round(10 * value) / 10 : value);
  }
  return element;
}
