// Requests to the server: photos out, answers or one-line errors in. Waits where the server says that it is busy.
"use strict";
((page) => {
  const { h } = page;
  const TRIES = 8;
  let key = "";

  class Refused extends Error {}
  page.Refused = Refused;

  const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

  // Asks for the key once; rejects where it is not given.
  const askKey = () =>
    new Promise((done, fail) => {
      const dialog = page.at("key");
      const field = h("input", { type: "password", id: "key-field", autocomplete: "off" });
      const send = (event) => {
        event.preventDefault();
        key = field.value.trim();
        dialog.close("given");
      };
      page.fill(
        dialog,
        h("form", { onsubmit: send }, h("p", null, h("label", { for: "key-field" }, "This server wants a key "), field), h("button", { type: "submit", class: "main" }, "Go on")),
      );
      dialog.onclose = () => (dialog.returnValue === "given" && key ? done() : fail(new Refused("This server wants a key.")));
      dialog.returnValue = "";
      dialog.showModal();
    });

  const sent = async (path, fields, signal) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) {
      if (value instanceof Blob) form.append(name, value, fields.name ?? "photo");
      else if (name !== "name" && value !== null && value !== undefined) form.append(name, typeof value === "string" ? value : JSON.stringify(value));
    }
    try {
      return await fetch(path, { method: "POST", body: form, signal, headers: key ? { "X-API-Key": key } : {} });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused("The server does not answer; is it still running?");
    }
  };

  // `fields` hold `file` (a Blob), its `name`, and options. `wait(seconds)` is told when the server is busy.
  page.ask = async (path, fields, signal, wait) => {
    for (let turn = 0; ; turn++) {
      const answer = await sent(path, fields, signal);
      if (answer.ok) return answer.json();
      if (answer.status === 401 && turn < 3) {
        await askKey();
        continue;
      }
      if (answer.status === 429 && turn < TRIES) {
        const seconds = Number(answer.headers.get("Retry-After")) || 1;
        wait(seconds);
        await pause(seconds);
        if (signal.aborted) throw new DOMException("left", "AbortError");
        continue;
      }
      const said = await answer.json().catch(() => null);
      throw new Refused(said?.error ?? `The server answered ${answer.status}.`);
    }
  };
})((globalThis.unifer ??= {}));
