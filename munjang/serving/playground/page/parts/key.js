// The API key: requested when the server needs it, kept in this tab.

import { byId } from "./dom.js";

const NAME = "munjang-key";
let here = "";
let asking = null;

export function key() {
  try {
    return here || sessionStorage.getItem(NAME) || "";
  } catch {
    return here;
  }
}

function keep(words) {
  here = words;
  try {
    sessionStorage.setItem(NAME, words);
  } catch {
    // Storage is switched off: the key is kept until the page closes.
  }
}

/** Wait until a key is typed. shown: the key that the server refused, "" for none. Several requests may wait at once. */
export function askForKey(shown) {
  if (shown !== key()) return Promise.resolve(); // another request has a newer key meanwhile
  asking ??= new Promise((done) => {
    const dialog = byId("key-dialog");
    const input = byId("key");
    byId("key-wrong").hidden = !shown;
    input.value = "";
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    byId("key-form").addEventListener(
      "submit",
      () => {
        keep(input.value.trim());
        asking = null;
        done();
      },
      { once: true },
    );
    dialog.showModal();
    input.focus();
  });
  return asking;
}
