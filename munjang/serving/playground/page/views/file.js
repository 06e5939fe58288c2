// The second view: a file is chosen, read by the server, classified piece by piece, shown, and downloaded.

import { ask, askJson } from "../parts/api.js";
import { classify } from "./classify.js";
import { startCounts } from "./counts.js";
import { byId, fill, make, setWords } from "../parts/dom.js";
import { save } from "./download.js";
import { viewPairs } from "../parts/models.js";
import { nameWith, startPrecision } from "../parts/precision.js";
import { noProblem, problem } from "../parts/problem.js";
import { startRows } from "./rows.js";
import { inWords, number, say } from "../words/words.js";

const MEGA = 1e6;
const megabytes = (bytes) => number(Math.round((10 * bytes) / MEGA) / 10);

export function startFile({ views, limits }) {
  const drop = byId("drop");
  let brought = null; // {name, data: what was chosen or pasted}
  let table = null; // what the server read: columns, rows, text, …
  let before = null; // the work that the current one replaces as soon as it has an answer
  let work = null; // {view, precision, text, texts, answers, done, first, began, seconds, running, stopped, why, abort}

  const rows = startRows(() => counts.mark(rows.label()));
  const counts = startCounts((label) => rows.only(label));
  const precision = startPrecision("work-precision");
  const chosenView = () => views.find((view) => view.name === byId("work-model").value);
  fill(byId("work-model"), viewPairs(views));
  precision.offer([chosenView()]);

  async function bring(name, data) {
    noProblem();
    if (data.size > limits.file_bytes) {
      problem(new Error(say("file.large", { size: megabytes(data.size), most: megabytes(limits.file_bytes) })));
      return;
    }
    brought = { name, data };
    byId("encoding").value = "";
    for (const id of ["sheet", "delimiter", "header-row"]) byId(id).value = "";
    await read();
  }

  async function read() {
    forget();
    byId("work").hidden = false;
    byId("bring").hidden = byId("promise").hidden = true;
    byId("work-name").textContent = brought.name;
    byId("work-facts").textContent = say("file.loading");
    byId("classify").disabled = true;
    const query = new URLSearchParams({
      name: brought.name,
      encoding: byId("encoding").value,
      sheet: byId("sheet").value,
      delimiter: byId("delimiter").value,
      header_row: byId("header-row").value,
    });
    try {
      table = await askJson(`playground/read?${query}`, { body: brought.data, tries: 3 });
      fill(
        byId("work-column"),
        table.columns.map((name, i) => [i, name]),
      );
      byId("work-column").value = table.text;
      byId("classify").disabled = false;
      noProblem();
      show();
      byId("classify").focus();
    } catch (error) {
      byId("work-facts").textContent = "";
      byId("reading").open = true; // another encoding or sheet may help
      byId("another").focus();
      problem(error);
    }
  }

  function forget() {
    work?.abort.abort();
    table = work = before = null;
    byId("classify").hidden = false;
    byId("work-notes").replaceChildren();
    for (const id of ["counts", "rows", "progress-row", "stop", "go-on"]) byId(id).hidden = true;
  }

  function start() {
    work?.abort.abort();
    const text = Number(byId("work-column").value);
    before = work?.done ? work : before;
    lay({
      view: chosenView(),
      precision: precision.value(),
      text,
      texts: table.rows.map((row) => (row[text] === null ? "" : String(row[text]))),
      answers: [],
      done: 0,
    });
    go();
  }

  function lay(own) {
    work = own;
    rows.show({ ...table, ...work });
    counts.show(work.view, work.answers);
    for (const id of ["counts", "rows", "progress-row"]) byId(id).hidden = false;
  }

  /** Classify what is not classified yet. */
  async function go() {
    const own = work;
    Object.assign(own, { first: own.done, began: performance.now(), abort: new AbortController() });
    Object.assign(own, { running: true, stopped: false, seconds: 0, why: "" });
    swap(["stop"], ["classify", "go-on"]);
    show();
    speak();
    try {
      await classify(own, limits, own.abort.signal, {
        tell(found, first) {
          before = null;
          const quarter = quarterOf(own);
          for (const [i, answer] of found.entries()) own.answers[first + i] = answer;
          own.done = first + found.length;
          own.why = "";
          counts.update();
          rows.update();
          progress();
          if (quarterOf(own) > quarter && own.done < own.texts.length) speak();
        },
        away(why) {
          if (own.why === why) return;
          own.why = why;
          progress();
          speak();
        },
      });
      noProblem();
    } catch (error) {
      own.stopped = true;
      own.why = error.name === "AbortError" ? "" : error.message;
    }
    own.running = false;
    if (work !== own) return; // another file was chosen meanwhile
    own.seconds = (performance.now() - own.began) / 1000;
    if (!own.done && own.why) problem(new Error(own.why));
    if (!own.done && before) lay(before); // what was there is better than nothing
    swap(work.stopped ? ["go-on", "classify"] : ["classify"], work.stopped ? ["stop"] : ["stop", "go-on"]);
    rows.finish();
    progress();
    speak();
  }

  const quarterOf = ({ done, texts }) => Math.floor((4 * done) / texts.length);

  /** Show some buttons and hide others; the focus of a hidden one goes to the first that is shown. */
  function swap(shown, hidden) {
    const left = hidden.some((id) => byId(id) === document.activeElement);
    for (const id of shown) byId(id).hidden = false;
    for (const id of hidden) byId(id).hidden = true;
    if (left) byId(shown[0]).focus();
  }

  /** Say the progress to who does not see it: at the start, at each quarter, at the end. */
  const speak = () => setWords("progress-spoken", byId("progress-text").textContent);

  function progress() {
    if (!work) return;
    const bar = byId("progress");
    const [done, all] = [number(work.done), number(table.rows.length)];
    bar.max = table.rows.length;
    bar.value = work.done;
    const model = nameWith(work.view.name, work.precision);
    byId("counts-title").textContent = say("counts.title", { model });
    byId("progress-text").textContent = inProgress({ done, all, model: work.view.name });
  }

  function inProgress(facts) {
    if (work.running && work.why) return say("file.away", { ...facts, why: work.why });
    if (work.why) return say("file.failed", { ...facts, why: work.why });
    if (work.stopped) return say("file.stopped", facts);
    if (work.seconds)
      return say("file.done", { ...facts, seconds: number(Math.max(0.1, Math.round(10 * work.seconds) / 10)) });
    const spent = Math.max(1, performance.now() - work.began);
    return say("file.progress", { ...facts, rate: number(Math.round((1000 * (work.done - work.first)) / spent)) });
  }

  function show() {
    byId("file-limits").textContent = say("file.limits", {
      size: megabytes(limits.file_bytes),
      rows: number(limits.rows),
    });
    if (!table) return;
    const aside = table.set_aside ? [say("file.aside", { n: number(table.set_aside) })] : [];
    const facts = say("file.facts", { rows: number(table.rows.length), columns: number(table.columns.length) });
    byId("work-facts").textContent = [facts, ...aside].join(" · ");
    const lines = table.rejected.map(({ line, reason }) => say("file.aside.line", { line: number(line), reason }));
    byId("work-notes").replaceChildren(...[...table.notes, ...lines].map((words) => make("li", {}, words)));
    progress();
  }

  async function take(kind) {
    const button = byId(`download-${kind}`);
    button.disabled = true;
    try {
      await save(kind, brought.name, table, work, (json) => ask("playground/table", { json, tries: 3 }));
    } catch (error) {
      problem(error);
    }
    button.disabled = false;
  }

  byId("chosen").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) bring(file.name, file);
    event.target.value = ""; // the same file may be chosen again
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    byId("file").addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0])
        bring(event.dataTransfer.files[0].name, event.dataTransfer.files[0]);
    });
  }
  byId("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = byId("pasted").value;
    if (words.trim()) bring(say("file.pasted"), new Blob([words]));
  });
  byId("again").addEventListener("click", read);
  byId("classify").addEventListener("click", start);
  byId("go-on").addEventListener("click", go);
  addEventListener("beforeunload", (event) => work?.running && event.preventDefault()); // its answers are only here
  byId("stop").addEventListener("click", () => work?.abort.abort());
  byId("work-model").addEventListener("change", () => precision.offer([chosenView()]));
  byId("work-column").addEventListener("change", () => work?.abort.abort());
  byId("another").addEventListener("click", () => {
    forget();
    byId("work").hidden = true;
    byId("bring").hidden = byId("promise").hidden = false;
    byId("chosen").focus();
  });
  byId("download-csv").addEventListener("click", () => take("csv"));
  byId("download-xlsx").addEventListener("click", () => take("xlsx"));
  inWords(show);
}
