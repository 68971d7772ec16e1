// Truth against answer, row by row in percent; counts on hover and focus; a cell leads to its samples.
"use strict";
((page) => {
  const { h, percent, count } = page;

  const spelled = (part, total) => `${count(part)} of ${count(total)} (${percent(total ? part / total : 0)} %)`;

  // Arrow keys move over the cells of one map; only one of them is in the tab order.
  const rove = (event, cells) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    const row = cells.findIndex((line) => line.includes(event.target));
    if (!step || row < 0) return;
    const next = cells[row + step[0]]?.[cells[row].indexOf(event.target) + step[1]];
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };

  const cell = (map, row, column, total, readout) => {
    const value = map.counts[row][column];
    const share = total ? value / total : 0;
    const said = column < map.truth.length ? map.outcome[column] : page.outcome(map.outcome[column]);
    const text = `${map.truth[row]} → ${said}: ${spelled(value, total)}`;
    const tell = () => readout.replaceChildren(page.plain(text));
    const go = () => page.showSamples({ truth: map.truth[row], said: map.outcome[column], named: column < map.truth.length, run: map.run });
    return h(
      "button",
      {
        type: "button",
        tabindex: row || column ? "-1" : "0",
        class: `${row === column ? "hit " : ""}${share > 0.7 ? "deep" : share > 0.55 ? "middle" : ""}`,
        style: { "--share": `${(100 * share).toFixed(1)}%` },
        "aria-label": text,
        title: text,
        onmouseenter: tell,
        onfocus: tell,
        onclick: go,
      },
      value ? (share >= 0.005 ? percent(share, 0) : "<1") : "",
    );
  };

  const heat = (name, confusion) => {
    const { truth, outcome, counts } = confusion;
    const totals = counts.map((row) => row.reduce((sum, value) => sum + value, 0));
    const kept = outcome.map((_, at) => at).filter((at) => at < truth.length || counts.some((row) => row[at]));
    const map = { truth, outcome, counts, run: name };
    const readout = h("output", { class: "readout", "aria-hidden": "true" }, "\u00a0");
    const cells = truth.map((_, row) => kept.map((column) => cell(map, row, column, totals[row], readout)));
    const table = h(
      "table",
      { class: "heat", onkeydown: (event) => rove(event, cells) },
      h("caption", null, name),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("td"),
          kept.map((at) => h("th", { scope: "col", class: at < truth.length ? "" : "unnamed" }, h("span", null, page.outcome(outcome[at])))),
          h("td"),
        ),
      ),
      h(
        "tbody",
        null,
        truth.map((label, row) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, label),
            kept.map((at, column) => h("td", { class: at < truth.length ? "" : "unnamed" }, cells[row][column])),
            h("td", { class: "num total" }, count(totals[row])),
          ),
        ),
      ),
    );
    return h("figure", { class: "map" }, h("div", { class: "wide" }, table), readout);
  };

  page.drawConfusion = () => {
    const found = page.inScope().filter(([, scores]) => scores?.confusion);
    page.section(
      "confusion",
      found.length
        ? [
            h("p", { class: "about" }, "Rows are the truth, columns the answer, in percent of the row; right of the grid, how many questions. Point at a cell, or move with the arrow keys, for its count; click or press Enter for its samples."),
            h("div", { class: "maps" }, found.map(([name, scores]) => heat(name, scores.confusion))),
          ]
        : null,
    );
  };
})((globalThis.unifer ??= {}));
