// The dependency tree of the sentence, if a parser is served; drawn by arcs.js.

import { askJson } from "../parts/api.js";
import { drawTree } from "../parts/arcs.js";
import { byId, calm } from "../parts/dom.js";
import { address, fitting } from "../parts/models.js";
import { noProblem, problem } from "../parts/problem.js";
import { inWords, say } from "../words/words.js";

const RESTING_MS = 350;

export function startTree({ parser, networks, limits }) {
  if (!parser) return;
  const input = byId("text");
  let tree = null;
  let under_way = new AbortController();

  function draw() {
    byId("arcs").hidden = !tree?.words.length;
    if (!tree?.words.length) return;
    drawTree(byId("arcs-tree"), tree, {
      modifier: say("tree.modifier"),
      subject: say("tree.subject"),
      object: say("tree.object"),
    });
  }

  const look = calm(RESTING_MS, async (text, signal) => {
    if (signal.aborted) return;
    try {
      const found = text.trim()
        ? await askJson(address(parser, "parse"), { json: { inputs: text, triples: true }, signal, tries: 3 })
        : null;
      if (signal.aborted) return;
      tree = found;
      if (!networks.length) noProblem(); // else the predictions say whether all is well
      draw();
    } catch (error) {
      if (signal.aborted) return;
      tree = null; // it was that of another text
      draw();
      problem(error);
    }
  });

  input.addEventListener("input", () => {
    under_way.abort();
    under_way = new AbortController();
    look(fitting(input.value, limits), under_way.signal);
  });
  inWords(draw);
}
