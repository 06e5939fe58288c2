// What each eojeol of the sentence contributes to a prediction; the server measures it by leaving the eojeol out.

import { askJson } from "../parts/api.js";
import { spelled } from "../parts/bars.js";
import { byId, calm, fill, make } from "../parts/dom.js";
import { address } from "../parts/models.js";
import { problem } from "../parts/problem.js";
import { inWords, number, percent, say, taskName } from "../words/words.js";

const RESTING_MS = 350; // longer than for predictions: this costs one prediction for each eojeol

/** limits: of the server. picked: called with the head that is chosen here. */
export function startShares(limits, picked) {
  const select = byId("shares-head");
  const list = byId("eojeols");
  let known = [];
  let found = null;
  let wanting = new AbortController();

  const look = calm(RESTING_MS, async (text, network, signal) => {
    try {
      const answer = await askJson(address(network.name, "explain"), { json: { inputs: text }, signal, tries: 3 });
      if (signal.aborted) return;
      found = answer;
      draw();
    } catch (error) {
      if (!signal.aborted) byId("shares").hidden = true;
      problem(error);
    }
  });

  function ask(text, network) {
    wanting.abort();
    wanting = new AbortController();
    found = null;
    byId("shares").hidden = !text;
    if (!text) return;
    const count = text.trim().split(/\s+/u).length;
    if (count > limits.words) {
      byId("shares-of").textContent = say("shares.many", { n: number(count), most: number(limits.words) });
      list.replaceChildren();
      return;
    }
    list.classList.add("waiting");
    look(text, network, wanting.signal);
  }

  function draw() {
    fill(
      select,
      known.map((head) => [head, taskName(head)]),
    );
    const answer = found?.answers[select.value];
    if (!answer) return;
    list.classList.remove("waiting");
    byId("shares-of").textContent = say("shares.answer", {
      task: taskName(select.value),
      label: spelled(select.value, answer.label),
      score: percent(answer.score),
    });
    list.replaceChildren(...found.words.map((word, i) => eojeol(word.text, answer.shares[i], answer.drops[i])));
  }

  function eojeol(word, share, drop) {
    const words = say("shares.word", { word, share: percent(share, true), drop: percent(-drop, true) });
    const element = make(
      "li",
      { class: share < 0 ? "eojeol against" : "eojeol for", title: words },
      make("span", { class: "word" }, word),
      make("span", { class: "share" }, percent(share, true)),
    );
    element.style.setProperty("--weight", Math.min(1, Math.abs(share) * 1.4).toFixed(3));
    return element;
  }

  select.addEventListener("change", () => picked(select.value));
  inWords(draw);
  return {
    ask,
    heads(names) {
      known = names;
      fill(
        select,
        known.map((head) => [head, taskName(head)]),
      );
      select.parentElement.hidden = names.length < 2;
    },
    show(head) {
      select.value = head;
      draw();
    },
  };
}
