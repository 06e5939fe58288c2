// Requests to the server of this page, and to no other: with the key if there is one, repeated while the server is busy or away.

import { askForKey, key } from "./key.js";
import { say } from "../words/words.js";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

/** Header values are bytes: a key outside ASCII is sent as UTF-8. */
const bearer = (words) =>
  `Bearer ${[...new TextEncoder().encode(words)].map((byte) => String.fromCharCode(byte)).join("")}`;

/**
 * The response to a request. json: a value to send; body: bytes to send unchanged. tries: how often the request is
 * repeated while the server is busy. away: called with the reason when the server cannot be reached; the request is then
 * repeated as often. Refused: the server answers with an error, or cannot be reached.
 */
export async function ask(path, { json, body, signal, tries = 0, away = null } = {}) {
  for (let turn = 0; ; turn += 1) {
    signal?.throwIfAborted();
    const shown = key();
    const headers = shown ? { Authorization: bearer(shown) } : {};
    const sent = json === undefined ? body : JSON.stringify(json);
    if (json !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method: sent === undefined ? "GET" : "POST", headers, body: sent, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      const refused = new Refused(0, say("error.network"));
      if (!away || turn >= tries) throw refused;
      away(refused.message);
      await pause(Math.min(1 + turn / 2, 10));
      continue;
    }
    if (response.ok) return response;
    if (response.status === 401) {
      await askForKey(shown);
      continue;
    }
    if (response.status === 503 && turn < tries) {
      await pause(Math.min(Number(response.headers.get("Retry-After")) || 1, 10));
      continue;
    }
    throw new Refused(response.status, await reason(response));
  }
}

/** The JSON value of a response. */
export const askJson = async (path, options) => (await ask(path, options)).json();

async function reason(response) {
  try {
    return (await response.json()).error ?? response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
