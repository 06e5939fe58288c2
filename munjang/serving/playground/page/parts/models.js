// The models of the server, their classifiers, and how much may be sent at once.

import { askJson } from "./api.js";

/** The address of a model, relative to the page. */
export const address = (name, verb) => `models/${name.split("/").map(encodeURIComponent).join("/")}/${verb}`;

/**
 * {networks, views, limits, parser}. A network (a model) is {name, heads: [{head, view, labels, promises}]}. A view (one
 * classifier of a network) is {name, head, labels, promises}. head: the key of its answers. promises: the precisions that
 * it can keep. parser: a name, or null. The default comes first.
 */
export async function loadModels() {
  const [found, limits] = await Promise.all([askJson("models"), askJson("playground/limits")]);
  const classifiers = found.models.filter(({ task }) => task !== "parsing");
  const networks = classifiers.map((model) => ({
    name: model.name,
    heads: model.heads.length
      ? model.heads.map((head) => ({
          head: head.name,
          view: head.model,
          labels: head.labels,
          promises: head.promises,
        }))
      : [{ head: model.head, view: model.name, labels: model.labels, promises: model.promises }],
  }));
  const wanted = found.default ?? "";
  const first = (name) => name === wanted || wanted.startsWith(`${name}/`);
  networks.sort((a, b) => first(b.name) - first(a.name));
  const views = networks.flatMap((network) =>
    network.heads.map(({ view, ...head }) => ({ name: view, ...head })),
  );
  views.sort((a, b) => (b.name === wanted) - (a.name === wanted));
  const parser = found.models.find(({ task }) => task === "parsing")?.name ?? null;
  return { networks, views, limits, parser };
}

/** The pairs for a select of views. */
export const viewPairs = (views) => views.map((view) => [view.name, view.name]);

/** A text that JSON and the server accept: no half surrogate pairs, not over the limit. */
export function fitting(text, limits) {
  const whole = text.toWellFormed ? text.toWellFormed() : text.replace(/\p{Surrogate}/gu, "\ufffd");
  return whole.length <= limits.characters ? whole : [...whole].slice(0, limits.characters).join("");
}
