// Colours and the help of keys: what every page of ours has in its bar.
"use strict";
((page) => {
  const { h } = page;
  const THEMES = ["", "dark", "light"];

  page.turnTheme = () => {
    const root = document.documentElement;
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
    setTheme(next);
    try {
      localStorage.setItem("unifer-theme", next);
    } catch {
      // No storage for this page: the choice lasts as long as the page.
    }
  };

  const setTheme = (name) => {
    const root = document.documentElement;
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    page.at("theme").setAttribute("aria-label", `Colours: ${name || "as the system has them"}`);
  };

  const remembered = () => {
    try {
      return localStorage.getItem("unifer-theme") ?? "";
    } catch {
      return "";
    }
  };

  page.startTheme = () => {
    setTheme(remembered());
    page.at("theme").addEventListener("click", page.turnTheme);
  };

  // `keys` holds [keys, what they do]; `note` stands below them.
  page.startHelp = (keys, note) => {
    const close = h("button", { type: "button", onclick: () => page.at("help").close() }, "Close");
    page.fill(
      page.at("help"),
      h("h2", { id: "help-h" }, "Keys"),
      h("dl", { class: "keys" }, keys.map(([names, what]) => [h("dt", null, names.split(" ").map((key) => [h("kbd", null, key), " "])), h("dd", null, what)])),
      h("p", null, note),
      close,
    );
    page.at("help-button").addEventListener("click", () => page.at("help").showModal());
  };
})((globalThis.unifer ??= {}));
