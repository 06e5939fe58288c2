// Two classifiers, one sentence.

import { askJson } from "../parts/api.js";
import { Bars, heading, spelled } from "../parts/bars.js";
import { byId, calm, fill, make, setWords } from "../parts/dom.js";
import { address, fitting, viewPairs } from "../parts/models.js";
import { noProblem, problem } from "../parts/problem.js";
import { inWords, say } from "../words/words.js";

const TYPING_MS = 150;

export function startCompare({ views, limits }) {
  const input = byId("compare-text");
  const sides = ["one", "two"].map((side) => ({
    select: byId(`compare-${side}`),
    place: byId(`compare-${side}-bars`),
    answer: null,
  }));
  let failed = false;
  let under_way = new AbortController();
  const viewOf = (side) => views.find((view) => view.name === side.select.value);

  for (const [i, side] of sides.entries()) {
    fill(side.select, viewPairs(views));
    side.select.value = views[Math.min(i, views.length - 1)].name;
    side.select.addEventListener("change", ask);
  }
  input.addEventListener("input", calm(TYPING_MS, ask));

  async function ask() {
    under_way.abort();
    under_way = new AbortController();
    const { signal } = under_way;
    const text = fitting(input.value, limits);
    try {
      const found = await Promise.all(
        sides.map(async (side) => {
          if (!text.trim()) return null;
          const answer = await askJson(address(side.select.value, "analyze"), {
            json: { inputs: text },
            signal,
            tries: 3,
          });
          return Object.values(answer.answers)[0];
        }),
      );
      if (signal.aborted) return;
      for (const [i, side] of sides.entries()) side.answer = found[i]?.label === null ? null : found[i];
      failed = false;
      noProblem();
    } catch (error) {
      if (error.name === "AbortError") return;
      for (const side of sides) side.answer = null;
      failed = true;
      problem(error);
    }
    show();
  }

  function show() {
    for (const side of sides) {
      const view = viewOf(side);
      const bars = new Bars(view.head, view.labels, { few: 10 });
      bars.update(side.answer);
      const label = make("p", { class: "big" }, ...(side.answer ? heading(view.head, side.answer) : ["–"]));
      side.place.replaceChildren(label, bars.element);
      side.place.parentElement.classList.toggle("idle", !side.answer);
    }
    setWords("compare-verdict", verdict());
  }

  function verdict() {
    const [one, two] = sides;
    if (!one.answer || !two.answer) return failed ? "" : say("sentence.empty");
    if (!viewOf(one).labels.some((label) => viewOf(two).labels.includes(label))) return say("compare.other");
    const [first, second] = sides.map((side) => spelled(viewOf(side).head, side.answer.label));
    return first === second
      ? say("compare.same", { label: first })
      : say("compare.differ", { one: first, two: second });
  }

  inWords(show);
}
