// One line at the top of the page with the last error; it disappears when something works again.

import { byId } from "./dom.js";

export function problem(error) {
  if (error.name === "AbortError") return;
  const line = byId("problem");
  line.textContent = error.message;
  line.hidden = false;
}

export function noProblem() {
  byId("problem").hidden = true;
}
