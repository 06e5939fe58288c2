// Elements without markup: data becomes text, never HTML.

export const byId = (id) => document.getElementById(id);

/** A new element. facts: properties, `class`, `data-…` and `aria-…`; children: elements or texts. */
export function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "scope" || name === "colspan")
      element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** What is wider than a phone: it scrolls, by the keyboard too. name: what it is. */
export const scroller = (name, child) =>
  make("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name }, child);

/** Set a text. One that is the same stays as it is, so that nothing announces it again. */
export function setWords(id, words) {
  if (byId(id).textContent !== words) byId(id).textContent = words;
}

/** An option of a select. */
export const option = (value, text = value) => make("option", { value }, text);

/** Fill a select with [value, text] pairs; the chosen value stays if it is still there. */
export function fill(select, pairs) {
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => option(value, text)));
  if (pairs.some(([value]) => String(value) === before)) select.value = before;
}

/** A function that runs when it has not been called for `wait_ms`. */
export function calm(wait_ms, work) {
  let timer = 0;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...words), wait_ms);
  };
}
