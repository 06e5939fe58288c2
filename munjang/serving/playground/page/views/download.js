// The table as a file. The server writes it with the writers of the command line, which disarm formulas.

import { labelsOf } from "../parts/answers.js";
import { make } from "../parts/dom.js";

const LATER_MS = 60_000; // by then the browser has saved it

const rounded = (score) => Math.round(score * 1e6) / 1e6;

/** The cells of an answer: label, score, every label's score, note, suggested, reason. */
function answerCells(answer, labels) {
  if (!answer) return [null, null, ...labels.map(() => null), "not classified", null, null];
  const blank = answer.label === null;
  return [
    labelsOf(answer).join("|"),
    blank ? null : rounded(answer.score),
    ...labels.map((label) => (blank ? null : rounded(answer.scores[label]))),
    answer.note,
    [answer.suggested ?? []].flat().join("|"),
    answer.reason,
  ];
}

/** The body of a request to `playground/table`. */
export function tableOf(kind, table, { view, answers }) {
  return {
    kind,
    columns: table.columns,
    added: ["label", "score", ...view.labels.map((label) => `score_${label}`), "note", "suggested", "reason"],
    rows: table.rows.map((row, i) => [...row.map(whole), ...answerCells(answers[i], view.labels)]),
  };
}

const whole = (cell) => (typeof cell === "string" && cell.toWellFormed ? cell.toWellFormed() : cell);

/** Have the table written by `send`, and offer it as a file, named after the original file and the model. */
export async function save(kind, name, table, work, send) {
  const response = await send(tableOf(kind, table, work));
  const link = make("a", {
    href: URL.createObjectURL(await response.blob()),
    download: `${name.replace(/\.\w+$/, "")}-${work.view.name.replaceAll("/", "-")}.${kind}`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LATER_MS);
}
