// The second view: a file is chosen, read by the server, classified piece by piece, shown, and downloaded.

import { ask, askJson } from "../parts/api.js";
import { classify } from "./classify.js";
import { startCounts } from "./counts.js";
import { byId, fill, make } from "../parts/dom.js";
import { save } from "./download.js";
import { viewPairs } from "../parts/models.js";
import { noProblem, problem } from "../parts/problem.js";
import { startRows } from "./rows.js";
import { inWords, number, say } from "../words/words.js";

const MEGA = 1e6;
const megabytes = (bytes) => number(Math.round((10 * bytes) / MEGA) / 10);

export function startFile({ views, limits }) {
  const drop = byId("drop");
  let brought = null; // {name, data: what was chosen or pasted}
  let table = null; // what the server read: columns, rows, text, …
  let work = null; // {view, text, answers, done, began, seconds, stopped, why, abort}

  const rows = startRows(() => counts.mark(rows.label()));
  const counts = startCounts((label) => rows.only(label));
  fill(byId("work-model"), viewPairs(views));

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
      problem(error);
    }
  }

  function forget() {
    work?.abort.abort();
    table = work = null;
    byId("work-notes").replaceChildren();
    for (const id of ["counts", "rows", "progress-row", "stop"]) byId(id).hidden = true;
  }

  async function start() {
    work?.abort.abort();
    const own = {
      view: views.find((view) => view.name === byId("work-model").value),
      text: Number(byId("work-column").value),
      answers: [],
      done: 0,
      began: performance.now(),
      abort: new AbortController(),
    };
    work = own;
    const texts = table.rows.map((row) => (row[own.text] === null ? "" : String(row[own.text])));
    rows.show({ ...table, ...own, texts });
    counts.show(own.view, own.answers);
    for (const id of ["counts", "rows", "progress-row", "stop"]) byId(id).hidden = false;
    byId("classify").disabled = true;
    show();
    try {
      await classify(own.view, texts, limits, own.abort.signal, (found, first) => {
        for (const [i, answer] of found.entries()) own.answers[first + i] = answer;
        own.done = first + found.length;
        counts.update();
        rows.update();
        progress();
      });
      noProblem();
    } catch (error) {
      own.stopped = true;
      own.why = error.name === "AbortError" ? "" : error.message;
    }
    if (work !== own) return; // another file was chosen meanwhile
    own.seconds = (performance.now() - own.began) / 1000;
    byId("stop").hidden = true;
    byId("classify").disabled = false;
    rows.finish();
    progress();
  }

  function progress() {
    if (!work) return;
    const bar = byId("progress");
    const [done, all] = [number(work.done), number(table.rows.length)];
    bar.max = table.rows.length;
    bar.value = work.done;
    byId("progress-text").textContent = work.why
      ? say("file.failed", { done, all, why: work.why })
      : work.stopped
        ? say("file.stopped", { done, all })
        : work.seconds
          ? say("file.done", { all, seconds: number(Math.max(0.1, Math.round(10 * work.seconds) / 10)) })
          : say("file.progress", {
              done,
              all,
              rate: number(Math.round((1000 * work.done) / Math.max(1, performance.now() - work.began))),
            });
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
  byId("stop").addEventListener("click", () => work?.abort.abort());
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
