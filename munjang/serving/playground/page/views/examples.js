// Sentences to try, for the first view.

import { byId, make } from "../parts/dom.js";
import { inWords, say } from "../words/words.js";

const EXAMPLES = 4;

export function startExamples() {
  const input = byId("text");
  inWords(() => {
    const examples = Array.from({ length: EXAMPLES }, (_, i) => {
      const words = say(`example.${i + 1}`);
      const button = make("button", { type: "button", class: "chip", title: words }, say(`example.name.${i + 1}`));
      button.addEventListener("click", () => {
        input.value = words;
        input.focus();
        input.dispatchEvent(new Event("input"));
      });
      return button;
    });
    byId("examples").replaceChildren(...examples);
  });
}
