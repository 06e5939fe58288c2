// The words of the page in Korean and English, and everything that changes with the language.

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

/** Run `work` now, and whenever the language changes. */
export function inWords(work) {
  listeners.add(work);
  work();
}

export function setLanguage(name) {
  document.documentElement.lang = name;
  try {
    localStorage.setItem("munjang-language", name);
  } catch {
    // Storage is switched off: the choice is kept until the page closes.
  }
  for (const work of listeners) work();
}

/** Set the words of all elements that name a key. */
export function label(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-placeholder]"))
    element.placeholder = say(element.dataset.tPlaceholder);
  for (const element of root.querySelectorAll("[data-t-label]"))
    element.setAttribute("aria-label", say(element.dataset.tLabel));
}

export const number = (value) => new Intl.NumberFormat(language()).format(value);

/** A fraction as a percentage with one decimal. */
export const percent = (value, signed = false) =>
  new Intl.NumberFormat(language(), {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    signDisplay: signed ? "exceptZero" : "auto",
  })
    .format(value)
    .replace("-", "\u2212");

/** The name of a task: the packaged heads have names in both languages. */
export const taskName = (head) => TABLES[language()][`task.${head}`] ?? head;

/** An explanation of a label for people who do not read its language; "" if there is none. */
export function gloss(head, name) {
  if (head === "language" && /^[a-z]{2,3}$/.test(name)) {
    const found = new Intl.DisplayNames([language()], { type: "language", fallback: "none" }).of(name);
    return found ?? "";
  }
  return TABLES[language()][`label.${name}`] ?? "";
}
