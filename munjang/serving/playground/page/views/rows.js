// The table of a classified file: sorted, filtered, shown page by page, so that ten thousand rows are as fast as ten.

import { isOutside, labelsOf, NONE, withDoubt, WITHHELD, withheldOf } from "../parts/answers.js";
import { byId, calm, fill, make, setWords } from "../parts/dom.js";
import { inWords, language, number, percent, say } from "../words/words.js";

const PAGE = 25;
const TYPING_MS = 150;
const cellText = (cell) => (cell === null || cell === undefined ? "" : String(cell));

/** filtered: called when another label is chosen. */
export function startRows(filtered) {
  let table = null;
  let order = [];
  let page = 0;
  let sort = { key: "line", down: false };
  let label = null;
  const search = byId("rows-search");
  const select = byId("rows-label");

  /** The columns: row, text, answer, score, then the other columns of the file. */
  function columns() {
    const others = table.columns.map((name, i) => ({ key: `c${i}`, title: name, value: (row) => table.rows[row][i] }));
    const [text] = others.splice(table.text, 1);
    return [
      { key: "line", title: say("rows.line"), kind: "number", value: (row) => row + 1 },
      { ...text, kind: "text" },
      { key: "label", title: say("rows.answer"), kind: "label", value: (row) => answerText(row) },
      { key: "score", title: say("rows.score"), kind: "number", value: (row) => table.answers[row]?.score ?? -1 },
      ...others,
    ];
  }

  const answerText = (row) =>
    table.answers[row] ? [...labelsOf(table.answers[row]), ...withheldOf(table.answers[row])].join(" | ") : "";

  function arrange() {
    const wanted = search.value.trim().toLowerCase();
    order = [];
    for (let row = 0; row < table.rows.length; row += 1) {
      if (wanted && !table.lower[row].includes(wanted)) continue;
      if (label !== null && !(table.answers[row] && labelsOf(table.answers[row]).includes(label))) continue;
      order.push(row);
    }
    const { value } = columns().find(({ key }) => key === sort.key) ?? columns()[0];
    const collator = new Intl.Collator(language() === "ko" ? "ko" : "en", { numeric: true });
    const keys = new Map(order.map((row) => [row, value(row)]));
    const compare = (a, b) =>
      typeof a === "number" && typeof b === "number" ? a - b : collator.compare(cellText(a), cellText(b));
    const sign = sort.down ? -1 : 1;
    if (sort.key !== "line" || sort.down) order.sort((a, b) => sign * compare(keys.get(a), keys.get(b)) || a - b);
    page = Math.min(page, Math.max(0, Math.ceil(order.length / PAGE) - 1));
  }

  function draw() {
    if (!table) return;
    const shown = columns();
    const head = make(
      "tr",
      {},
      ...shown.map((column) => {
        const here = column.key === sort.key;
        const button = make(
          "button",
          { type: "button", class: "sort", "data-key": column.key },
          column.title,
          make("span", { class: "arrow", "aria-hidden": "true" }, here ? (sort.down ? "▼" : "▲") : ""),
        );
        button.addEventListener("click", () => {
          sort = { key: column.key, down: here ? !sort.down : false };
          page = 0;
          arrange();
          draw();
          byId("rows-table").querySelector(`[data-key="${column.key}"]`).focus();
        });
        return make(
          "th",
          {
            scope: "col",
            class: column.kind ?? "",
            "aria-sort": here ? (sort.down ? "descending" : "ascending") : "none",
          },
          button,
        );
      }),
    );
    const body = order
      .slice(page * PAGE, (page + 1) * PAGE)
      .map((row) => make("tr", {}, ...shown.map((column) => cell(column, row))));
    const empty = make("tr", {}, make("td", { colspan: shown.length, class: "quiet" }, say("rows.nothing")));
    byId("rows-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...(body.length ? body : [empty])));
    const first = order.length ? page * PAGE + 1 : 0;
    setWords("rows-shown", say("rows.shown", {
      first: number(first),
      last: number(Math.min(order.length, (page + 1) * PAGE)),
      all: number(order.length),
    }));
    byId("page-back").disabled = page === 0;
    byId("page-on").disabled = (page + 1) * PAGE >= order.length;
  }

  function cell(column, row) {
    const answer = table.answers[row];
    if (column.key === "label") {
      const words = answer
        ? labelsOf(answer)
            .map((name) => name || say("rows.none"))
            .join(" · ")
        : "";
      return make("td", { class: "label", title: answer?.note || "" }, ...withDoubt(words, withheldOf(answer)));
    }
    if (column.key === "score")
      return make("td", { class: withheldOf(answer).length || isOutside(answer) ? "number pale" : "number" }, answer && answer.label !== null ? percent(answer.score) : "");
    if (column.key === "line") return make("td", { class: "number quiet" }, number(row + 1));
    return make("td", { class: column.kind ?? "" }, cellText(column.value(row)));
  }

  function only(name) {
    label = name;
    select.value = name === null ? "*" : `=${name}`;
    page = 0;
    arrange();
    draw();
    filtered();
  }

  /** The labels to filter by; WITHHELD is one as soon as a row has it. */
  function labelNames() {
    const withheld = table.answers.some((answer) => answer.label === WITHHELD) ? [WITHHELD] : [];
    return [...new Set([...table.view.labels, ...withheld, NONE])];
  }

  function labels() {
    if (!table) return;
    const names = labelNames().map((name) => [`=${name}`, name || say("rows.none")]);
    fill(select, [["*", say("rows.all")], ...names]);
  }

  const refresh = () => {
    page = 0;
    arrange();
    draw();
  };
  search.addEventListener(
    "input",
    calm(TYPING_MS, () => table && refresh()),
  );
  select.addEventListener("change", () => only(select.value === "*" ? null : select.value.slice(1)));
  for (const [id, step] of [
    ["page-back", -1],
    ["page-on", 1],
  ]) {
    byId(id).addEventListener("click", () => {
      page += step;
      draw();
      if (byId(id).disabled) byId(step > 0 ? "page-back" : "page-on").focus();
      byId("rows").scrollIntoView({ block: "nearest" });
    });
  }
  inWords(() => {
    labels();
    draw();
  });

  return {
    /** found: what the server read, with `texts`, `answers` (filled as they come), `view` and the index of the text column. */
    show(found) {
      table = { ...found, lower: found.texts.map((text) => text.toLowerCase()) };
      [page, label, sort, search.value] = [0, null, { key: "line", down: false }, ""];
      labels();
      select.value = "*";
      refresh();
    },
    /** More answers have come: the current page shows them; its order stays until the end. */
    update() {
      const focused = document.activeElement?.dataset?.key;
      if (labelNames().length + 1 > select.length) labels(); // else a list that is open would close
      draw();
      if (focused) byId("rows-table").querySelector(`[data-key="${focused}"]`)?.focus();
    },
    finish() {
      arrange();
      draw();
    },
    /** Show only the rows with this label; all rows for null. */
    only,
    label: () => label,
  };
}
