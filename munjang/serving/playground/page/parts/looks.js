// The two switches: language and theme.

import { byId } from "./dom.js";
import { inWords, language, say, setLanguage } from "../words/words.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";

function keepTheme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem("munjang-theme", name);
  } catch {
    // Storage is switched off: the choice is kept until the page closes.
  }
}

export function startLooks() {
  const tongue = byId("language");
  const theme = byId("theme");
  const show = () => {
    tongue.textContent = say("language.other");
    tongue.lang = language() === "ko" ? "en" : "ko";
    theme.textContent = say(isDark() ? "theme.light" : "theme.dark");
  };
  tongue.addEventListener("click", () => setLanguage(language() === "ko" ? "en" : "ko"));
  theme.addEventListener("click", () => {
    keepTheme(isDark() ? "light" : "dark");
    show();
  });
  dark.addEventListener("change", show);
  inWords(show);
}
