// The first view: a sentence, and the prediction of every task while it is typed.

import { askJson } from "../parts/api.js";
import { Bars, heading } from "../parts/bars.js";
import { byId, calm, fill, make } from "../parts/dom.js";
import { address, fitting } from "../parts/models.js";
import { startPrecision } from "../parts/precision.js";
import { noProblem, problem } from "../parts/problem.js";
import { startShares } from "./shares.js";
import { inWords, percent, say, taskName } from "../words/words.js";

const TYPING_MS = 120;
const SPEAK_MS = 900;

export function startSentence({ networks, limits }) {
  const input = byId("text");
  const choice = byId("network");
  const note = byId("sentence-note");
  let cards = new Map();
  let answers = null;
  let failed = false; // then the note would not be true
  let picked = null;
  let under_way = new AbortController();

  const network = () => networks.find((one) => one.name === choice.value) ?? networks[0];
  const shares = startShares(limits, (head) => pick(head));
  const precision = startPrecision("precision", () => answer());

  function lay() {
    cards = new Map(network().heads.map(({ head, labels }) => [head, makeCard(head, labels)]));
    byId("answers").replaceChildren(...[...cards.values()].map((card) => card.element));
    byId("answers").classList.toggle("single", cards.size === 1);
    picked = cards.has(picked) ? picked : [...cards.keys()][0];
    shares.heads([...cards.keys()]);
    precision.offer(network().heads);
  }

  function makeCard(head, labels) {
    const bars = new Bars(head, labels, { few: network().heads.length === 1 ? 12 : undefined });
    const task = make("span", { class: "task" });
    const label = make("span", { class: "label" });
    const hint = make("span", { class: "spoken" });
    const top = make("button", { type: "button", class: "pick", "aria-pressed": "false" }, task, label, hint);
    top.addEventListener("click", () => pick(head));
    return {
      bars,
      task,
      label,
      hint,
      top,
      element: make("article", { class: "sheet answer", "data-head": head }, make("h2", {}, top), bars.element),
    };
  }

  function pick(head) {
    picked = head;
    shares.show(head);
    for (const [name, card] of cards) card.top.setAttribute("aria-pressed", String(name === head && answers !== null));
  }

  function show() {
    for (const [head, card] of cards) {
      const answer = answers?.answers[head];
      const blank = !answer || answer.label === null;
      card.element.classList.toggle("idle", blank);
      card.task.textContent = taskName(head);
      card.label.replaceChildren(...(blank ? ["–"] : heading(head, answer)));
      card.bars.update(blank ? null : answer);
      card.hint.textContent = blank ? "" : say("bars.pick", { score: percent(answer.score) });
    }
    pick(picked);
    const words = failed
      ? ""
      : !answers
      ? say("sentence.empty")
      : answers.note === "empty"
        ? say("sentence.blank")
        : answers.note
          ? say("sentence.cut", { note: answers.note })
          : "";
    note.textContent = words;
    note.hidden = !words;
  }

  const speak = calm(SPEAK_MS, () => {
    const answer = answers?.answers[picked];
    byId("spoken").textContent = answer?.label
      ? say("shares.answer", {
          task: taskName(picked),
          label: cards.get(picked).label.textContent,
          score: percent(answer.score),
        })
      : "";
  });

  async function answer() {
    under_way.abort(); // the answer for an older text is no longer needed
    under_way = new AbortController();
    const { signal } = under_way;
    const text = fitting(input.value, limits);
    try {
      const found = text.trim()
        ? await askJson(address(network().name, "analyze"), {
            json: { inputs: text, min_precision: precision.value() },
            signal,
            tries: 3,
          })
        : null;
      if (signal.aborted) return;
      [answers, failed] = [found, false];
      noProblem();
    } catch (error) {
      if (error.name === "AbortError") return;
      [answers, failed] = [null, true]; // what stood there was the answer to another text
      problem(error);
    }
    show();
    speak();
    shares.ask(answers && answers.note !== "empty" ? text : "", network());
  }

  const typed = calm(TYPING_MS, answer);
  input.addEventListener("input", () => {
    under_way.abort();
    typed();
  });
  choice.addEventListener("change", () => {
    answers = null;
    lay();
    show();
    answer();
  });
  fill(
    choice,
    networks.map(({ name }) => [name, name]),
  );
  lay();
  inWords(show);
}
