// Scores of each emotion and of each Action Unit: tables whose cells are bars, models side by side.
"use strict";
((page) => {
  const { h, percent, count } = page;
  const SCORES = [["f1", "F1"], ["recall", "recall"], ["precision", "precision"]];
  const chosen = { classes: "f1", units: "f1" };

  const bar = (value) =>
    h(
      "td",
      { class: "score num" },
      value === null || value === undefined ? "–" : [h("span", { class: "fill", style: { "--part": value.toFixed(4) } }), h("span", null, percent(value))],
    );

  // `rows`: [heading cell, key]; `columns`: [model, Map of key -> scores].
  const table = (caption, rows, columns, score, supports) => {
    const claimed = score === "precision";
    return h(
      "table",
      { class: "bars" },
      h("caption", null, caption),
      h(
        "thead",
        null,
        h("tr", null, h("td"), h("th", { scope: "col", class: "num" }, claimed ? "" : "n"), columns.map(([name]) => h("th", { scope: "col" }, name))),
      ),
      h(
        "tbody",
        null,
        rows.map(([head, key]) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, head),
            h("td", { class: "num support" }, claimed ? "" : supports.get(key) === undefined ? "" : count(supports.get(key))),
            columns.map(([, scores]) => bar(scores.get(key)?.[score] ?? null)),
          ),
        ),
      ),
    );
  };

  const choice = (id, redraw) =>
    page.choice(`${id}-score`, "Score", SCORES, chosen[id], (value) => {
      chosen[id] = value;
      redraw();
      page.at(id).querySelector(`input[value="${value}"]`).focus();
    });

  page.drawClasses = () => {
    const found = page.inScope().filter(([, scores]) => scores?.per_class);
    if (!found.length) return page.section("classes", null);
    const columns = found.map(([name, scores]) => [name, new Map(scores.per_class.map((row) => [row.label, row]))]);
    const supports = new Map(found[0][1].per_class.map((row) => [row.label, row.support]));
    const rows = found[0][1].per_class.map((row) => [row.label, row.label]);
    return page.section("classes", choice("classes", page.drawClasses), wide(table("Percent, by true label; n: questions", rows, columns, chosen.classes, supports)));
  };

  const wide = (element) => h("div", { class: "wide" }, element);

  const unitTable = (dataset, runs) => {
    const columns = runs.map((run) => [run.run, new Map(run.action_units.per_unit.map((row) => [row.action_unit, row]))]);
    const supports = new Map();
    for (const run of runs) for (const row of run.action_units.per_unit) supports.set(row.action_unit, Math.max(row.support, supports.get(row.action_unit) ?? 0));
    const order = [...supports.keys()].sort((one, other) => Number(one.slice(2)) - Number(other.slice(2)));
    const head = (key) => [key, " ", h("small", null, page.summary.units[key.slice(2)] ?? "")];
    const caption = `${dataset.title}, percent, by Action Unit; n: faces that show it; – where no face does`;
    return [wide(table(caption, order.map((key) => [head(key), key]), columns, chosen.units, supports)), means(runs)];
  };

  const MEANS = [["face_f1", "F1, per face"], ["micro_f1", "micro F1"], ["macro_f1", "macro F1"]];

  const means = (runs) =>
    wide(h(
      "table",
      { class: "small" },
      h("caption", null, "In one number, with 95 % intervals"),
      h("thead", null, h("tr", null, h("td"), MEANS.map(([, name]) => h("th", { scope: "col", class: "num" }, name)))),
      h(
        "tbody",
        null,
        runs.map((run) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, run.run),
            MEANS.map(([key]) => {
              const range = run.action_units.intervals?.[key];
              return h("td", { class: "num" }, percent(run.action_units[key]), range ? h("small", { class: "ci" }, ` ${percent(range[0])}–${percent(range[1])}`) : null);
            }),
          ),
        ),
      ),
    ));

  page.drawUnits = () => {
    const tables = page.summary.datasets
      .filter((dataset) => page.scope === "*" || page.scope === dataset.name)
      .map((dataset) => [dataset, page.summary.runs.filter((run) => run.dataset === dataset.name && run.action_units)])
      .filter(([, runs]) => runs.length)
      .map(([dataset, runs]) => unitTable(dataset, runs));
    page.section("units", tables.length ? [choice("units", page.drawUnits), tables] : null);
  };
})((globalThis.unifer ??= {}));
