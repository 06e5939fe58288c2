// A confusion matrix: a row for each reference label, coloured by the share within the row.

import { make, scroller } from "./dom.js";
import { gloss, number, percent, say } from "../words/words.js";

export const FEW = 3; // with so many labels, a matrix fits into half a page
const MANY = 8; // with more labels, cells are small

export function matrix(labels, counts, head) {
  const many = labels.length > MANY;
  const shown = (label) => [label, gloss(head, label) ? make("span", { class: "gloss" }, gloss(head, label)) : null];
  const top = make(
    "tr",
    {},
    make("td", { class: "corner" }, say("card.truth")),
    ...labels.map((label) =>
      make("th", { scope: "col", title: gloss(head, label) }, ...(many ? [label] : shown(label))),
    ),
  );
  const rows = counts.map((row, i) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, ...shown(labels[i])),
      ...row.map((count, j) => {
        const share = all ? count / all : 0;
        const cell = make(
          "td",
          {
            class: i === j ? "cell right" : "cell",
            title: say("card.cell", { truth: labels[i], answer: labels[j], n: number(count) }),
          },
          make("span", {}, number(count)),
          make("small", {}, percent(share)),
        );
        cell.style.setProperty("--share", share.toFixed(3));
        return cell;
      }),
    );
  });
  const wide = many ? "matrix many" : labels.length > FEW ? "matrix" : "matrix few";
  const table = make("table", { class: wide }, make("thead", {}, top), make("tbody", {}, ...rows));
  return scroller(say("card.confusion"), table);
}
