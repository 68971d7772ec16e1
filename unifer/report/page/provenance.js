// What each run was made from, as its manifest says; where runs on one dataset differ, the difference is marked.
"use strict";
((page) => {
  const { h, count } = page;

  const flat = (value, at, found) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) for (const [key, inner] of Object.entries(value)) flat(inner, at ? `${at}.${key}` : key, found);
    else found.set(at, value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value));
    return found;
  };

  const facts = (run) => {
    const found = flat(run.identity ?? {}, "", new Map());
    found.set("predictions", `${run.predictions.name} (${count(run.predictions.bytes)} bytes)`);
    found.set("predictions.sha256", run.predictions.sha256);
    if (run.wording) found.set("asked with", run.wording.text);
    for (const key of ["commit", "started", "finished"]) if (run.context[key]) found.set(key, run.context[key]);
    for (const [key, version] of Object.entries(run.context.versions ?? {})) found.set(`version of ${key}`, version);
    return found;
  };

  const value = (text) => (/^[0-9a-f]{24,}/.test(text) ? h("abbr", { title: text }, `${text.slice(0, 12)}…`) : text);

  const table = (title, runs) => {
    const columns = runs.map(facts);
    const keys = [...new Set(columns.flatMap((column) => [...column.keys()]))];
    const same = (key) => new Set(columns.map((column) => column.get(key))).size === 1;
    const body = (wanted) =>
      h(
        "tbody",
        null,
        wanted.map((key) =>
          h("tr", { class: same(key) ? "" : "differs" }, h("th", { scope: "row" }, key), columns.map((column) => h("td", null, value(column.get(key) ?? "–")))),
        ),
      );
    const head = h("thead", null, h("tr", null, h("td"), runs.map((run) => h("th", { scope: "col" }, run.run))));
    return h("details", { class: "made" }, h("summary", null, title), h("div", { class: "wide" }, h("table", { class: "small facts" }, head, body(keys))));
  };

  page.drawProvenance = () => {
    const { datasets, runs, resamples, version, made } = page.summary;
    page.section(
      "provenance",
      h(
        "p",
        { class: "about" },
        `Protocol strict, graded from the prediction files by unifer ${version} on ${made.slice(0, 10)}; ${resamples ? `${count(resamples)} bootstrap samples` : "no intervals"}. Rows in bold differ between the runs.`,
      ),
      datasets.map((dataset) => table(dataset.title, runs.filter((run) => run.dataset === dataset.name))),
    );
  };
})((globalThis.unifer ??= {}));
