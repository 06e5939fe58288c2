// Four views, one at a time: a click, the arrow keys, or the address after #.

import { byId } from "../parts/dom.js";
import { label } from "../words/words.js";

const KEYS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Without a classifier: the sentence and its tree alone. */
export function onlyParser() {
  byId("tab-sentence").click();
  for (const part of document.querySelectorAll("[role=tablist], #answers-side, #network-choice")) part.hidden = true;
  byId("sentence").querySelector("h1").dataset.t = "sentence.title.parser";
  label();
}

export function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const open = (chosen) => {
    for (const tab of tabs) {
      const here = tab === chosen;
      tab.setAttribute("aria-selected", here);
      tab.tabIndex = here ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !here;
    }
  };
  // Not at the start: the Tab key would then continue from the view, not from the top of the page.
  const choose = (tab) => {
    open(tab);
    history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  };
  const named = () => tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
  for (const [place, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const next =
        event.key === "Home"
          ? tabs[0]
          : event.key === "End"
            ? tabs.at(-1)
            : event.key in KEYS
              ? tabs[(place + KEYS[event.key] + tabs.length) % tabs.length]
              : null;
      if (!next) return;
      event.preventDefault();
      choose(next);
      next.focus();
    });
  }
  addEventListener("hashchange", () => named() && open(named()));
  open(named() ?? tabs[0]);
}
