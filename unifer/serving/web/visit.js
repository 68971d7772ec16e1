// Photos read during this visit: a list to come back to, which the browser forgets with the page, and a file of one's answers.
"use strict";
((page) => {
  const { h } = page;
  const MOST = 40;
  const entries = [];

  const labels = (entry) => {
    const said = [...entry.answers.values()].flatMap((answer) => answer.readings ?? []).map(page.headline);
    return [...new Set(said)].join(", ") || "not read";
  };

  const draw = () => {
    page.section(
      "visit",
      entries.length > 0 && [
        h(
          "ol",
          { class: "past" },
          entries.map((entry) =>
            h(
              "li",
              null,
              h("button", { type: "button", "aria-current": entry === page.entry ? "true" : null, "aria-label": `${entry.photo.name}: ${labels(entry)}`, onclick: () => page.show(entry) }, h("img", { src: entry.photo.url, alt: "" }), h("span", null, labels(entry))),
            ),
          ),
        ),
        h("button", { type: "button", onclick: forget }, "Forget them"),
      ],
    );
  };

  const forget = () => {
    for (const entry of entries.splice(0)) URL.revokeObjectURL(entry.photo.url);
    page.entry = null;
    page.show(null);
  };

  page.remember = (entry) => {
    if (!entries.includes(entry)) entries.unshift(entry);
    for (const old of entries.splice(MOST)) URL.revokeObjectURL(old.photo.url);
    draw();
  };
  page.drawVisit = draw;

  // All answers about the photo at hand, as a JSON file.
  page.save = () => {
    const { entry } = page;
    if (!entry?.answers.size) return page.problem("There is no answer to save yet.");
    const record = { generator: `unifer ${page.about.version}`, made: new Date().toISOString(), photo: entry.photo.name, answers: [...entry.answers.values()].flatMap((answer) => answer.all ?? []) };
    const link = h("a", { href: URL.createObjectURL(new Blob([JSON.stringify(record, null, 2)], { type: "application/json" })), download: `${entry.photo.name.replace(/\.\w+$/, "")}.unifer.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
})((globalThis.unifer ??= {}));
