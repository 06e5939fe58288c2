// How many rows have each label, as bars that filter the table.

import { labelsOf, WITHHELD } from "../parts/answers.js";
import { byId, make } from "../parts/dom.js";
import { gloss, inWords, number, percent, say } from "../words/words.js";

/** chosen: called with a label, or null for all labels. */
export function startCounts(chosen) {
  let view = null;
  let answers = [];
  let marked = null;

  function draw() {
    if (!view) return;
    const counts = new Map(view.labels.map((label) => [label, 0]));
    for (const answer of answers) for (const label of labelsOf(answer)) counts.set(label, (counts.get(label) ?? 0) + 1);
    const most = Math.max(1, ...counts.values());
    const rows = [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([label, count]) => {
        const fill = make("span", { class: "fill" });
        fill.style.setProperty("--share", (count / most).toFixed(4));
        const name = make("span", { class: "name" }, label || say("rows.none"));
        const beside = gloss(view.head, label);
        if (beside) name.append(make("span", { class: "gloss" }, ` ${beside}`));
        const value = make(
          "span",
          { class: "value" },
          `${number(count)} · ${percent(answers.length ? count / answers.length : 0)}`,
        );
        const button = make(
          "button",
          { type: "button", class: label === WITHHELD ? "count unsure" : "count", "aria-pressed": String(label === marked) },
          name,
          make("span", { class: "track" }, fill),
          value,
        );
        button.addEventListener("click", () => chosen(label === marked ? null : label));
        return make("li", {}, button);
      });
    const focused = byId("counts-bars").contains(document.activeElement);
    const place = focused ? [...byId("counts-bars").querySelectorAll("button")].indexOf(document.activeElement) : -1;
    byId("counts-bars").replaceChildren(make("ul", { class: "bars counts" }, ...rows));
    if (focused) byId("counts-bars").querySelectorAll("button")[place]?.focus();
  }

  inWords(draw);
  return {
    show(own, found) {
      [view, answers, marked] = [own, found, null];
      draw();
    },
    update: draw,
    mark(label) {
      marked = label;
      draw();
    },
  };
}
