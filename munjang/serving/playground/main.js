// The page's beginning: words, looks, tabs, then the models, then what each view does with them.

import { startCard } from "./card.js";
import { startCompare } from "./compare.js";
import { byId } from "./dom.js";
import { startFile } from "./file.js";
import { key } from "./key.js";
import { startLooks } from "./looks.js";
import { loadModels } from "./models.js";
import { problem } from "./problem.js";
import { startSentence } from "./sentence.js";
import { startTabs } from "./tabs.js";
import { startTree } from "./tree.js";
import { inWords, label } from "./words.js";

inWords(label);
startLooks();
startTabs();
try {
  const models = await loadModels();
  for (const start of models.networks.length ? [startSentence, startFile, startCompare, startCard] : []) start(models);
  startTree(models);
  byId("docs-link").hidden = Boolean(key()); // a link cannot show the key
} catch (error) {
  problem(error);
}
document.documentElement.dataset.ready = "yes";
