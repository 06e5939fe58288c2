// Starts the page: words, theme, tabs, then the models, then each view.

import { startCard } from "./views/card.js";
import { startCompare } from "./views/compare.js";
import { byId } from "./parts/dom.js";
import { startExamples } from "./views/examples.js";
import { startFile } from "./views/file.js";
import { key } from "./parts/key.js";
import { startLooks } from "./parts/looks.js";
import { loadModels } from "./parts/models.js";
import { problem } from "./parts/problem.js";
import { startSentence } from "./views/sentence.js";
import { onlyParser, startTabs } from "./views/tabs.js";
import { startTree } from "./views/tree.js";
import { inWords, label } from "./words/words.js";

inWords(label);
startLooks();
startTabs();
try {
  const models = await loadModels();
  startExamples();
  if (models.networks.length) for (const start of [startSentence, startFile, startCompare, startCard]) start(models);
  else onlyParser();
  startTree(models);
  byId("docs-link").hidden = Boolean(key()); // a link cannot send the key
} catch (error) {
  problem(error);
}
document.documentElement.dataset.ready = "yes";
