// A prediction as bars: a row for each label, the highest score first.

import { isOutside, withDoubt, withheldOf } from "./answers.js";
import { make } from "./dom.js";
import { gloss, percent, say } from "../words/words.js";

const SURE = 0.6; // probability; a predicted label below it is shown pale
const FEW = 4; // labels shown at first; five labels are shown instead of four and a button
const nameOf = (label) => (Array.isArray(label) ? label.join(" · ") || say("shares.none") : label);

export class Bars {
  /** head: the name of the head. few: how many labels are shown at first. */
  constructor(head, labels, { few = FEW } = {}) {
    this.head = head;
    this.few = labels.length <= few + 1 ? labels.length : few;
    this.open = false;
    this.rows = new Map(labels.map((label) => [label, this.row(label)]));
    this.list = make("ul", { class: "bars" });
    this.more = make("button", { type: "button", class: "plain more", hidden: labels.length <= this.few });
    this.more.addEventListener("click", () => {
      this.open = !this.open;
      this.arrange();
    });
    this.doubt = make("p", { class: "quiet doubt" });
    this.element = make("div", {}, this.list, this.more, this.doubt);
    this.order = labels;
  }

  row(label) {
    const fill = make("span", { class: "fill" });
    const name = make("span", { class: "name" }, label);
    const value = make("span", { class: "value" });
    return { fill, name, value, element: make("li", {}, name, make("span", { class: "track" }, fill), value) };
  }

  /** Show an answer; null: none. */
  update(answer) {
    const scores = answer?.scores ?? {};
    const [picked, given] = [answer?.suggested, answer?.label].map((labels) => [labels ?? []].flat());
    const sure = (label) => scores[label] >= SURE && given.includes(label) && !isOutside(answer);
    this.doubt.textContent = isOutside(answer) ? say("bars.outside") : "";
    this.order = [...this.rows.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    for (const [label, row] of this.rows) {
      const score = scores[label] ?? 0;
      row.fill.style.setProperty("--share", score.toFixed(4));
      row.value.textContent = percent(score);
      row.element.classList.toggle("best", picked.includes(label));
      row.element.classList.toggle("unsure", picked.includes(label) && !sure(label));
      const beside = gloss(this.head, label);
      row.name.replaceChildren(label, ...(beside ? [make("span", { class: "gloss" }, ` ${beside}`)] : []));
    }
    this.arrange();
  }

  arrange() {
    const shown = this.order.slice(0, this.open ? undefined : this.few).map((label) => this.rows.get(label).element);
    const same =
      shown.length === this.list.children.length && shown.every((element, i) => element === this.list.children[i]);
    if (!same) this.list.replaceChildren(...shown);
    this.more.textContent = this.open ? say("bars.less") : say("bars.more", { n: this.order.length - this.few });
    this.more.setAttribute("aria-expanded", this.open);
  }
}

/** An answer as a heading shows it: its label, and in pale what is withheld. */
export const heading = (head, answer) =>
  withDoubt(
    spelled(head, answer.label),
    withheldOf(answer).map((label) => spelled(head, label)),
  );

/** A label as a heading shows it, with its meaning if that is known. */
export function spelled(head, label) {
  const beside = Array.isArray(label) ? "" : gloss(head, label);
  return beside ? `${nameOf(label)} (${beside})` : nameOf(label);
}
