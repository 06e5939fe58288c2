// The API key: asked for when the server wants it, kept in this tab.

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
    // Storage is switched off: the key holds for this page.
  }
}

/** Wait until a key was typed. shown: the key that the server did not take, "" for none; several may wait at once. */
export function askForKey(shown) {
  if (shown !== key()) return Promise.resolve(); // another question has got a newer key meanwhile
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
