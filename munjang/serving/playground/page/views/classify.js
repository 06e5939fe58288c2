// Many texts, a piece at a time: each piece waits for the one before, so that requests of others come between.

import { askJson } from "../parts/api.js";
import { address, fitting } from "../parts/models.js";

const PIECE = 32; // texts; with 64 a file is not faster, and others wait five times as long (EXPERIMENTS, 2026-11-23)
const PATIENCE = 120; // how often a request is repeated while the server is busy or away
const size = (text) => 3 * text.length + 8; // bytes as JSON, at most

/** Slices [first, last) of the texts from number `done` on, each for one request. */
function* pieces(texts, done, limits) {
  const most = Math.min(PIECE, limits.texts);
  for (let first = done; first < texts.length;) {
    let last = first;
    for (let bytes = 64; last < texts.length && last - first < most; last += 1) {
      bytes += size(texts[last]);
      if (last > first && bytes > limits.body_bytes) break;
    }
    yield [first, last];
    first = last;
  }
}

/**
 * Classify all texts of `work` from number `done` on, in their order. tell: called after each piece with its answers,
 * {label, score, scores, suggested, reason, note}, and the index of the first one. away: called while the server cannot be reached, with the
 * reason. Refused; AbortError when `signal` aborts.
 */
export async function classify({ view, precision, texts, done }, limits, signal, { tell, away }) {
  const fit = texts.map((text) => fitting(text, limits));
  for (const [first, last] of pieces(fit, done, limits)) {
    const json = { inputs: fit.slice(first, last), min_precision: precision };
    const found = await askJson(address(view.name, "analyze"), { json, signal, tries: PATIENCE, away });
    tell(
      found.map(({ answers }, i) => noted(Object.values(answers)[0], fit[i + first], texts[i + first])),
      first,
    );
  }
}

const noted = (answer, sent, text) =>
  answer.note || sent.length === text.length
    ? answer
    : { ...answer, note: `truncated to ${sent.length} characters`, reason: "cut" };
