// Trust sheets: a section per kind with its rates, each with interval and denominator, and the figures as they go into a paper.
"use strict";
((page) => {
  const { h, svg, percent, count, short } = page;
  const WAYS = { higher: ["↑", "higher is better"], lower: ["↓", "lower is better"] };

  const number = (rate, value) => (value === null ? "–" : rate.unit === "share" ? percent(value) : short(value));

  const way = (better) => (WAYS[better] ? h("abbr", { class: "way", title: WAYS[better][1] }, ` ${WAYS[better][0]}`) : null);

  // A share on an axis from 0 to 100; what may be below 0 (a gap) or is no share has numbers alone.
  const whisker = (rate) => {
    if (rate.value === null || rate.unit !== "share" || rate.value < 0 || rate.value > 1) return h("td", { class: "plot" });
    const range = rate.low === null ? null : [Math.max(0, rate.low), Math.min(1, rate.high)];
    return h(
      "td",
      { class: "plot", "aria-hidden": "true" },
      svg(
        "svg",
        { viewBox: "-3 0 106 16", preserveAspectRatio: "none", class: "whisker" },
        svg("line", { class: "axis", x1: 0, x2: 100, y1: 8, y2: 8 }),
        range ? svg("line", { class: "range", x1: 100 * range[0], x2: 100 * range[1], y1: 8, y2: 8 }) : null,
        svg("line", { class: "dot", x1: 100 * rate.value, x2: 100 * rate.value, y1: 2, y2: 14 }),
      ),
    );
  };

  const row = (rate, at) =>
    h(
      "tr",
      { class: at ? "" : "first" },
      h("th", { scope: "row" }, rate.name, way(rate.better)),
      whisker(rate),
      h("td", { class: "num" }, number(rate, rate.value), rate.low === null ? null : h("small", { class: "ci" }, ` ${number(rate, rate.low)} to ${number(rate, rate.high)}`)),
      h("td", { class: "num" }, count(rate.n)),
      h("td", { class: "of" }, rate.of),
    );

  const title = (name) => page.summary.datasets.find((each) => each.name === name)?.title ?? name;

  const HEADS = [["Rate", ""], ["0 to 100", ""], ["percent, or as it is", "num"], ["n", "num"], ["n counts", ""]];

  const table = (section, sheets) =>
    h(
      "table",
      { class: "rates" },
      h("caption", null, `${section.question} With 95 % intervals; shares in percent, other figures as they are.`),
      h("thead", null, h("tr", null, HEADS.map(([head, kind]) => h("th", { scope: "col", class: kind }, head)))),
      sheets.map((sheet) =>
        h(
          "tbody",
          null,
          h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: HEADS.length }, sheet.run, h("small", null, ` on ${title(sheet.dataset)}`))),
          sheet.rates.length ? sheet.rates.map(row) : h("tr", null, h("td", { colspan: HEADS.length, class: "none" }, "no rate in this sheet")),
        ),
      ),
    );

  // As an image a drawing cannot act, and keeps the styles that this page's policy would refuse it.
  const source = (text) => {
    const bytes = new TextEncoder().encode(text);
    let characters = "";
    for (const byte of bytes) characters += String.fromCharCode(byte);
    return `data:image/svg+xml;base64,${btoa(characters)}`;
  };

  const figure = (sheet, each) =>
    h(
      "figure",
      { class: "paper" },
      h("img", { src: source(each.svg), alt: `${each.about}; the table above has the rates`, loading: "lazy" }),
      h("figcaption", null, `${each.about}. ${sheet.run} on ${title(sheet.dataset)}. `, h("small", null, `trust/${each.name}`)),
    );

  const notes = (sheets) => {
    const rows = sheets.flatMap((sheet) => sheet.notes.map((note) => h("li", null, sheets.length > 1 ? `${sheet.run} on ${title(sheet.dataset)}: ` : "", note)));
    return rows.length ? h("ul", { class: "about" }, rows) : null;
  };

  const lacking = (section, inScope) => {
    const runs = section.lacking.filter((each) => !each.dataset || inScope(each));
    if (!runs.length) return null;
    const names = runs.map((each) => (each.dataset ? `${each.run} on ${title(each.dataset)}` : each.run)).join(", ");
    return h("p", { class: "about" }, `Not measured: ${names}. `, h("code", null, section.command), " measures it.");
  };

  page.drawTrust = () => {
    const inScope = (each) => page.scope === "*" || each.dataset === page.scope;
    for (const section of page.summary.trust) {
      const sheets = section.sheets.filter(inScope);
      if (!sheets.length) page.section(section.kind, null);
      else
        page.section(
          section.kind,
          h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": section.title }, table(section, sheets)),
          notes(sheets),
          h("div", { class: "papers" }, sheets.map((sheet) => sheet.figures.map((each) => figure(sheet, each)))),
          lacking(section, inScope),
        );
    }
  };
})((globalThis.unifer ??= {}));
