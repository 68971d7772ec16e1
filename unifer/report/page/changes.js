// Recall of each label before and after: two dots and what lies between them, the paired difference, and the numbers below.
"use strict";
((page) => {
  const { h, svg, percent, count, signed } = page;
  const WIDE = 720, ROW = 26, TOP = 8, NAMES = 150, SPLIT = 440, RIGHT = 92, FOOT = 40;
  const chosen = { pair: "" };

  const x = (share) => NAMES + (SPLIT - NAMES) * share;

  const bell = (row, y) => {
    const [from, to] = [x(row.before), x(row.after)];
    return [svg("line", { x1: from, x2: to, y1: y, y2: y }), svg("circle", { class: "hollow", cx: from, cy: y, r: 5 }), svg("circle", { cx: to, cy: y, r: 5 })];
  };

  const difference = (row, y, at) => [
    row.ci95 ? svg("line", { x1: at(row.ci95[0]), x2: at(row.ci95[1]), y1: y, y2: y }) : null,
    svg("circle", { cx: at(row.points), cy: y, r: 3.6 }),
    svg("text", { class: "told", x: WIDE - RIGHT + 6, y: y + 4 }, `${signed(row.points)}${row.verdict ? ` ${row.verdict}` : ""}`),
  ];

  const plot = (rows) => {
    const ends = [0, ...rows.flatMap((row) => [row.points, ...(row.ci95 ?? [])])];
    const [least, most] = [Math.min(...ends), Math.max(...ends, Math.min(...ends) + 5)];
    const [low, high] = [SPLIT + 34, WIDE - RIGHT - 4];
    const at = (points) => low + ((high - low) * (points - least)) / (most - least);
    const foot = TOP + ROW * rows.length;
    const line = (place, kind) => svg("line", { class: kind, x1: place, x2: place, y1: TOP, y2: foot });
    const text = (place, words, y = foot + 14) => svg("text", { x: place, y, "text-anchor": "middle" }, words);
    return svg(
      "svg",
      { viewBox: `0 0 ${WIDE} ${foot + FOOT}`, class: "plot-svg dumbbells", "aria-hidden": "true" },
      [0, 0.25, 0.5, 0.75, 1].map((share) => [line(x(share), "grid"), text(x(share), String(100 * share))]),
      text((NAMES + SPLIT) / 2, "recall, percent: ○ before, ● after", foot + 32),
      page.ticks(least, most, 3).map((points) => [line(at(points), points ? "grid" : "zero"), text(at(points), points ? signed(points, 0) : "0")]),
      text((low + high) / 2, page.summary.resamples ? "points, paired 95 %" : "points", foot + 32),
      rows.map((row, number) => {
        const y = TOP + ROW * (number + 0.5);
        return svg("g", { class: `bell ${row.verdict || "even"}` }, svg("text", { class: "told", x: NAMES - 14, y: y + 4, "text-anchor": "end" }, row.label), bell(row, y), difference(row, y, at));
      }),
    );
  };

  const HEADS = ["Label", "faces", "before", "after", "difference, points", "better", "worse", "p (Holm)", ""];

  const tableRow = (row) => {
    const range = row.ci95 ? h("small", { class: "ci" }, ` ${signed(row.ci95[0])} to ${signed(row.ci95[1])}`) : null;
    const told = row.n ? [signed(row.points), range] : "–";
    const cells = [count(row.n), percent(row.before), percent(row.after), told, count(row.fixed), count(row.broken), page.chance(row.p_holm)];
    return h("tr", null, h("th", { scope: "row" }, row.label), cells.map((cell) => h("td", { class: "num" }, cell)), h("td", null, row.verdict ? h("b", null, row.verdict) : ""));
  };

  const table = (pair) =>
    h(
      "table",
      { class: "small" },
      h("caption", null, `Recall in percent, before: ${pair.before}, after: ${pair.after}. Better, worse: faces that only the one after, only the one before names.`),
      h("thead", null, h("tr", null, HEADS.map((head, at) => h("th", { scope: "col", class: at && head ? "num" : "" }, head)))),
      h("tbody", null, pair.labels.map(tableRow)),
    );

  const named = (pair) => `${pair.before} → ${pair.after}`;

  const choice = (pairs, pair) => {
    if (pairs.length < 2) return null;
    const pick = (event) => {
      chosen.pair = event.target.value;
      page.drawChanges();
      page.at("changes").querySelector("select").focus();
    };
    const options = pairs.map((each) => h("option", { value: named(each), selected: each === pair }, named(each)));
    return h("p", { class: "pick" }, h("label", null, "Models ", h("select", { onchange: pick }, options)));
  };

  page.drawChanges = () => {
    const told = page.summary.gains.filter((row) => row.labels?.some((each) => each.n));
    const scope = told.some((row) => row.dataset === page.scope) || page.scope !== "*" ? page.scope : told[0]?.dataset;
    const pairs = told.filter((row) => row.dataset === scope);
    if (!pairs.length) return page.section("changes", null);
    const pair = pairs.find((each) => named(each) === chosen.pair) ?? pairs[0];
    const rows = pair.labels.filter((row) => row.n);
    const about = `${named(pair)} on the same ${count(pair.gain.n)} questions. Won and lost: p of McNemar's exact test (of a swap test over subjects, where there are any) at most 0.05 after Holm's correction over the labels; what is grey could be chance.`;
    page.section(
      "changes",
      choice(pairs, pair),
      h("p", { class: "about" }, about),
      (pair.notes ?? []).map((note) => h("p", { class: "about" }, note)),
      h("div", { class: "wide" }, h("figure", { class: "bells" }, plot(rows))),
      h("div", { class: "wide" }, table(pair)),
    );
  };
})((globalThis.unifer ??= {}));
