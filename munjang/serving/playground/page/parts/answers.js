// What an answer gives, and what it withholds because it is not sure enough.

import { make } from "./dom.js";

export const NONE = ""; // the label of a row without a label
export const WITHHELD = "보류"; // the label if all that is likely is withheld

/** The labels of an answer, one or several, for the table and the counts. */
export const labelsOf = (answer) => {
  const labels = [answer?.label ?? []].flat();
  return labels.length ? labels : [NONE];
};

/** The labels that are withheld. */
export const withheldOf = (answer) => {
  const given = labelsOf(answer);
  return [answer?.suggested ?? []].flat().filter((label) => !given.includes(label));
};

/** Whether the text is unlike those that the model learnt from. */
export const isOutside = (answer) => answer?.reason === "out of scope";

/** What is given, and in pale what is withheld: 보류 · 긍정? */
export const withDoubt = (given, withheld) => [
  given,
  ...withheld.map((label) => make("span", { class: "pale" }, ` · ${label}?`)),
];
