// The card of a model: its facts, its scores, its confusion matrix.

import { askJson } from "../parts/api.js";
import { byId, fill, make, scroller, setWords } from "../parts/dom.js";
import { markdown } from "../parts/markdown.js";
import { FEW, matrix } from "../parts/matrix.js";
import { address, viewPairs } from "../parts/models.js";
import { noProblem, problem } from "../parts/problem.js";
import { gloss, inWords, number, say } from "../words/words.js";

export function startCard({ views }) {
  const select = byId("card-model");
  const tab = byId("tab-card");
  let card = null;
  fill(select, viewPairs(views));

  async function load() {
    const name = select.value;
    try {
      const found = await askJson(address(name, "card"));
      if (name !== select.value) return;
      card = found;
      noProblem();
      show();
      setWords("card-spoken", say("card.shown", { model: name }));
    } catch (error) {
      if (name !== select.value) return;
      card = null; // it was that of another model
      byId("card-body").replaceChildren();
      problem(error);
    }
  }

  const show = () => card && byId("card-body").replaceChildren(...parts(card).filter(Boolean));
  select.addEventListener("change", load);
  const opened = new MutationObserver(() => tab.ariaSelected === "true" && !card && load());
  opened.observe(tab, { attributeFilter: ["aria-selected"] });
  if (tab.ariaSelected === "true") load();
  inWords(show);
}

const titled = (key, ...children) => make("section", { class: "sheet" }, make("h2", {}, say(key)), ...children);

function parts(card) {
  const head = card.name.split("/").at(-1);
  return [
    scores(card),
    ...(card.confusion && card.labels.length > FEW
      ? [confusion(card, head), make("div", { class: "split even" }, byLabel(card), facts(card, head))]
      : [
          make(
            "div",
            { class: "split even" },
            confusion(card, head),
            make("div", { class: "stack" }, byLabel(card), facts(card, head)),
          ),
        ]),
    card.readme
      ? make("details", { class: "sheet readme" }, make("summary", {}, say("card.readme")), markdown(card.readme))
      : make("p", { class: "quiet" }, say("card.none")),
  ];
}

function scores(card) {
  if (!card.evaluated) return titled("card.scores", make("p", { class: "verdict" }, say("card.unscored")));
  const boxes = card.scores.flatMap((score) =>
    Object.entries(score.metrics).map(([metric, value]) => {
      const between = score.intervals[metric];
      const where = [
        say(`card.${score.split}`),
        score.corpus,
        score.n ? say("card.sentences", { n: number(score.n) }) : "",
      ];
      return make(
        "div",
        { class: score.split === "validation" ? "score" : "score own" },
        make("div", { class: "quiet" }, say(`metric.${metric}`)),
        make("div", { class: "figure" }, value.toFixed(3)),
        make("div", { class: "quiet" }, where.filter(Boolean).join(" · ")),
        between
          ? make(
              "div",
              { class: "quiet" },
              say("card.between", { low: between[0].toFixed(3), high: between[1].toFixed(3) }),
            )
          : null,
      );
    }),
  );
  return titled("card.scores", make("div", { class: "scores" }, ...boxes));
}

function confusion(card, head) {
  return card.confusion
    ? titled(
        "card.confusion",
        make("p", { class: "quiet" }, say("card.confusion.how")),
        matrix(card.labels, card.confusion, head),
      )
    : titled("card.confusion", make("p", { class: "quiet" }, say("card.confusion.none")));
}

function byLabel(card) {
  if (!card.per_label) return null;
  const names = ["label", "precision", "recall", "f1", "support"];
  const header = make(
    "tr",
    {},
    ...names.map((name, i) => make("th", { scope: "col", class: i ? "number" : "" }, say(`card.${name}`))),
  );
  const rows = card.per_label.map((row) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, row.name),
      ...names
        .slice(1)
        .map((name) => make("td", { class: "number" }, name === "support" ? number(row[name]) : row[name].toFixed(3))),
    ),
  );
  const table = make("table", {}, make("thead", {}, header), make("tbody", {}, ...rows));
  return titled("card.perLabel", scroller(say("card.perLabel"), table));
}

function facts(card, head) {
  const labels = card.labels
    .map((label) => (gloss(head, label) ? `${label} (${gloss(head, label)})` : label))
    .join(", ");
  const pairs = [
    ["card.task", say(`card.${card.task === "multi-label" ? "multi-label" : "classification"}`)],
    ["card.labels", labels],
    ["card.corpus", card.corpus],
    ["card.format", card.format],
    ["card.length", `${number(card.max_length)} ${say(`card.unit.${card.unit}`)}`],
  ];
  const list = make(
    "dl",
    {},
    ...pairs.filter(([, value]) => value).flatMap(([key, value]) => [make("dt", {}, say(key)), make("dd", {}, value)]),
  );
  return make("section", { class: "sheet" }, make("h2", {}, card.name), list);
}
