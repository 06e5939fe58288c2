// The Markdown of model cards as elements: headings, paragraphs, lists, tables, code. Nothing becomes HTML or a link.

import { make, scroller } from "./dom.js";

const plain = (text) => text.replace(/\\([\\`*_{}[\]()#+\-.!|<>~&])/g, "$1");

/** `code`, **bold** and [links](…) of a line; only the text of a link stays. */
function inline(text) {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]*\]\([^)]*\))/)
    .filter(Boolean)
    .map((part) => {
      if (part.startsWith("`") && part.length > 1) return make("code", {}, part.slice(1, -1));
      if (part.startsWith("**") && part.length > 4) return make("strong", {}, plain(part.slice(2, -2)));
      const link = /^\[([^\]]*)\]\([^)]*\)$/.exec(part);
      return plain(link ? link[1] : part);
    });
}

const cells = (line) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

function table(lines) {
  const row = (line, tag) =>
    make(
      "tr",
      {},
      ...cells(line).map((cell) => make(tag, { class: /^[\d.,%+-]+$/.test(cell) ? "number" : "" }, ...inline(cell))),
    );
  const body = lines.slice(2).map((line) => row(line, "td"));
  const name = cells(lines[0]).filter(Boolean).join(", ");
  return scroller(name, make("table", {}, make("thead", {}, row(lines[0], "th")), make("tbody", {}, ...body)));
}

/** The lines from `start` while `fits` is true. */
function run(lines, start, fits) {
  let end = start;
  while (end < lines.length && fits(lines[end])) end += 1;
  return lines.slice(start, end);
}

export function markdown(text) {
  const lines = text.split("\n");
  const body = make("div", { class: "markdown" });
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const heading = /^(#{1,6}) (.*)$/.exec(line);
    const fence = /^(`{3,})/.exec(line);
    if (fence) {
      const code = run(lines, i + 1, (next) => !next.startsWith(fence[1]));
      body.append(make("pre", { tabIndex: 0 }, code.join("\n")));
      i += code.length + 2;
    } else if (heading) {
      body.append(make(`h${Math.min(6, heading[1].length + 2)}`, {}, ...inline(heading[2])));
      i += 1;
    } else if (line.startsWith("|") && /^\|?[\s:|-]+$/.test(lines[i + 1] ?? "")) {
      const part = run(lines, i, (next) => next.startsWith("|"));
      body.append(table(part));
      i += part.length;
    } else if (/^[-*] /.test(line)) {
      const part = run(lines, i, (next) => /^([-*] |\s+\S)/.test(next));
      body.append(make("ul", {}, ...part.map((item) => make("li", {}, ...inline(item.replace(/^[-*] /, ""))))));
      i += part.length;
    } else if (line.trim()) {
      const part = run(lines, i, (next) => next.trim() && !/^(#{1,6} |\||[-*] |`{3})/.test(next));
      body.append(make("p", {}, ...inline(part.join(" ") || line)));
      i += Math.max(1, part.length);
    } else {
      i += 1;
    }
  }
  return body;
}
