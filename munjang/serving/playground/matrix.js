// A confusion matrix: a row for each true label, tinted by the share within the row.

import { make } from "./dom.js";
import { gloss, number, percent, say } from "./words.js";

export function matrix(labels, counts, head) {
  const shown = (label) => [label, gloss(head, label) ? make("span", { class: "gloss" }, gloss(head, label)) : null];
  const top = make("tr", {}, make("td", { class: "corner" }, say("card.truth")),
    ...labels.map((label) => make("th", { scope: "col" }, ...shown(label))));
  const rows = counts.map((row, i) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return make("tr", {}, make("th", { scope: "row" }, ...shown(labels[i])), ...row.map((count, j) => {
      const share = all ? count / all : 0;
      const cell = make("td", { class: i === j ? "cell right" : "cell", title: say("card.cell", { truth: labels[i], answer: labels[j], n: number(count) }) },
        make("span", {}, number(count)), make("small", {}, percent(share)));
      cell.style.setProperty("--share", share.toFixed(3));
      cell.classList.toggle("strong", share > 0.55);
      return cell;
    }));
  });
  const wide = labels.length > 8 ? "matrix many" : labels.length > 3 ? "matrix" : "matrix few";
  return make("div", { class: "scroll" }, make("table", { class: wide }, make("thead", {}, top), make("tbody", {}, ...rows)));
}
