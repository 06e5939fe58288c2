// What the page says, in Korean and English, and everything that changes with the language.

import { en } from "./words.en.js";
import { ko } from "./words.ko.js";

const TABLES = { ko, en };
const listeners = new Set();

export const language = () => document.documentElement.lang;

/** The words for a key; {name} in them is filled in. */
export function say(key, values = {}) {
  const words = TABLES[language()][key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Have `work` run at once, and whenever the language changes. */
export function inWords(work) {
  listeners.add(work);
  work();
}

export function setLanguage(name) {
  document.documentElement.lang = name;
  try {
    localStorage.setItem("munjang-language", name);
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  for (const work of listeners) work();
}

/** Write the words of all elements that name a key. */
export function label(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-placeholder]"))
    element.placeholder = say(element.dataset.tPlaceholder);
  for (const element of root.querySelectorAll("[data-t-label]"))
    element.setAttribute("aria-label", say(element.dataset.tLabel));
}

export const number = (value) => new Intl.NumberFormat(language()).format(value);

/** A share of one as a percentage with one digit. */
export const percent = (value, signed = false) =>
  new Intl.NumberFormat(language(), {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    signDisplay: signed ? "exceptZero" : "auto",
  })
    .format(value)
    .replace("-", "\u2212");

/** What a task is called: the heads that come with munjang have names in both languages. */
export const taskName = (head) => TABLES[language()][`task.${head}`] ?? head;

/** What stands beside a label for those who do not read its language; "" where there is nothing to add. */
export function gloss(head, name) {
  if (head === "language" && /^[a-z]{2,3}$/.test(name)) {
    const found = new Intl.DisplayNames([language()], { type: "language", fallback: "none" }).of(name);
    return found ?? "";
  }
  return TABLES[language()][`label.${name}`] ?? "";
}
