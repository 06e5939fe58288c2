// The choice of a minimum precision. Only what can be promised is offered.

import { byId, fill } from "./dom.js";
import { inWords, number, say } from "../words/words.js";

const ofHundred = (target) => number(Math.round(100 * target));

/** The name of a model with the precision that it was asked for. */
export const nameWith = (model, precision) =>
  precision ? say("precision.model", { model, n: ofHundred(precision) }) : model;

/** id: of the select; ID-how explains it. changed: called when another precision is chosen. */
export function startPrecision(id, changed = () => {}) {
  const select = byId(id);
  let targets = [];
  const value = () => (select.value ? Number(select.value) : undefined);

  function show() {
    fill(select, [["", say("precision.none")], ...targets.map((target) => [target, `${ofHundred(target)}%`])]);
    select.parentElement.hidden = !targets.length;
    const how = byId(`${id}-how`);
    how.textContent = value() ? say("precision.how", { n: ofHundred(value()) }) : "";
    how.hidden = !value();
  }

  select.addEventListener("change", () => {
    show();
    changed();
  });
  inWords(show);
  return {
    /** A share of right answers; undefined for none. */
    value,
    /** Offer what all of these classifiers promise. */
    offer([first, ...others]) {
      targets = first.promises.filter((target) => others.every(({ promises }) => promises.includes(target)));
      show();
    },
  };
}
