// Differences between models, accuracy by length of reply, training curves: small drawings with their numbers beside them.
"use strict";
((page) => {
  const { h, svg, percent, count, signed, short } = page;

  // --- model against model -------------------------------------------------------------------------------------------------------
  const title = (name) => (name === "*" ? "All datasets" : (page.summary.datasets.find((each) => each.name === name)?.title ?? name));

  page.chance = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));

  const forest = (gain, limit) => {
    const x = (value) => 50 + (48 * value) / limit;
    return svg(
      "svg",
      { viewBox: "0 0 100 16", preserveAspectRatio: "none", class: "whisker" },
      svg("line", { class: "axis", x1: 2, x2: 98, y1: 8, y2: 8 }),
      svg("line", { class: "zero", x1: 50, x2: 50, y1: 0, y2: 16 }),
      svg("line", { class: "range", x1: x(gain.ci95[0]), x2: x(gain.ci95[1]), y1: 8, y2: 8 }),
      svg("line", { class: "dot", x1: x(gain.points), x2: x(gain.points), y1: 2, y2: 14 }),
    );
  };

  const gainRow = (row, limit) => {
    const head = [h("th", { scope: "row" }, row.after, h("small", null, " against "), row.before), h("td", null, title(row.dataset), (row.notes ?? []).map((note) => h("small", { class: "note" }, note)))];
    if (row.problem) return h("tr", null, head, h("td", { colspan: 6, class: "problem" }, `not comparable: ${row.problem}`));
    const { gain } = row;
    const clear = gain.ci95[0] > 0 || gain.ci95[1] < 0;
    return h(
      "tr",
      null,
      head,
      h("td", { class: "plot", "aria-hidden": "true" }, forest(gain, limit)),
      h("td", { class: `num${clear ? " best" : ""}` }, signed(gain.points), " ", h("small", { class: "ci" }, `${signed(gain.ci95[0])} to ${signed(gain.ci95[1])}`)),
      h("td", { class: "num" }, count(gain.n)),
      h("td", { class: "num" }, count(gain.fixed)),
      h("td", { class: "num" }, count(gain.broken)),
      h("td", { class: "num" }, page.chance(row.holm)),
    );
  };

  page.drawGains = () => {
    const rows = page.summary.gains.filter((row) => page.scope === "*" || row.dataset === page.scope);
    if (!rows.length) return page.section("differences", null);
    const limit = Math.max(1, ...rows.filter((row) => row.gain).flatMap((row) => row.gain.ci95.map(Math.abs)));
    const heads = ["Model", "Dataset", `±${short(Number(limit.toFixed(1)))} points`, "gain, points", "questions", "fixed", "broken", "p"];
    const units = rows.some((row) => row.measure === "au_f1") ? " (AU F1 per face where AUs alone are asked for)" : "";
    const { baseline } = page.summary;
    const many = baseline ? ` Each is held against ${baseline}.` : "";
    const about = `Gain in WAR${units}, paired over the same questions: 95 % bootstrap interval; p of McNemar's exact test (of a swap test over all datasets together, and over subjects where there are any), by Holm for the pairs of a dataset. Fixed: questions that only the model named first got right; broken: only the other.${many}`;
    const table = h(
      "table",
      { class: "gains" },
      h("caption", null, about),
      h("thead", null, h("tr", null, heads.map((head, at) => h("th", { scope: "col", class: at > 2 ? "num" : "" }, head)))),
      h("tbody", null, rows.map((row) => gainRow(row, limit))),
    );
    return page.section("differences", h("div", { class: "wide" }, table));
  };

  // --- lengths -------------------------------------------------------------------------------------------------------------------
  const WIDE = 640, HIGH = 240, LEFT = 34, BOTTOM = 26, TOP = 8, RIGHT = 8;

  page.ticks = (low, high, wanted) => {
    const raw = (high - low) / wanted || 1;
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((each) => each * size).find((each) => each >= raw);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(Math.abs(at) < step * 1e-6 ? 0 : at);
    return found;
  };

  const lengthPlot = (unit, models) => {
    const every = models.flatMap(([, bins]) => bins);
    const [low, high] = [Math.min(...every.map((bin) => bin.middle)), Math.max(...every.map((bin) => bin.middle))];
    const x = (value) => (high > low ? LEFT + 14 + ((WIDE - LEFT - RIGHT - 28) * (value - low)) / (high - low) : (LEFT + WIDE) / 2);
    const y = (value) => TOP + (HIGH - TOP - BOTTOM) * (1 - value);
    return svg(
      "svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "plot-svg", "aria-hidden": "true" },
      [0, 0.25, 0.5, 0.75, 1].map((at) => [
        svg("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y(at), y2: y(at) }),
        svg("text", { x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, String(100 * at)),
      ]),
      page.ticks(low, high, 6).map((at) => svg("text", { x: x(at), y: HIGH - 8, "text-anchor": "middle" }, count(at))),
      models.map(([, bins], model) =>
        svg(
          "g",
          { class: `series s${model % 7}` },
          svg("polyline", { points: bins.map((bin) => `${x(bin.middle)},${y(bin.accuracy)}`).join(" ") }),
          bins.map((bin) => [
            svg("line", { x1: x(bin.middle), x2: x(bin.middle), y1: y(bin.interval[0]), y2: y(bin.interval[1]) }),
            svg("circle", { cx: x(bin.middle), cy: y(bin.accuracy), r: 3.2 }, svg("title", null, `${bin.low}–${bin.high} ${unit}: ${percent(bin.accuracy)} % of ${count(bin.n)}`)),
          ]),
        ),
      ),
    );
  };

  const key = (names) => h("p", { class: "key" }, names.map((name, at) => h("span", { class: `s${at % 7}` }, h("i", { "aria-hidden": "true" }), name)));

  page.drawLengths = () => {
    const found = page.summary.lengths[page.scope];
    if (!found) return page.section("lengths", null);
    const models = Object.entries(found.models).filter(([, bins]) => bins.length);
    const rows = models.flatMap(([name, bins]) =>
      bins.map((bin, at) =>
        h(
          "tr",
          null,
          at ? null : h("th", { scope: "rowgroup", rowspan: bins.length }, name),
          h("td", { class: "num" }, bin.low === bin.high ? count(bin.low) : `${count(bin.low)}–${count(bin.high)}`),
          h("td", { class: "num" }, count(bin.n)),
          h("td", { class: "num" }, percent(bin.accuracy), " ", h("small", { class: "ci" }, `${percent(bin.interval[0])}–${percent(bin.interval[1])}`)),
        ),
      ),
    );
    const heads = ["Model", found.unit, "replies", "right, percent"];
    const head = h("tr", null, heads.map((each, at) => h("th", { scope: "col", class: at ? "num" : "" }, each)));
    return page.section(
      "lengths",
      h("p", { class: "about" }, `Percent right against ${found.unit} a reply, in bins of about as many replies each; bars are 95 % intervals.`),
      h("figure", { class: "lengths" }, key(models.map(([name]) => name)), lengthPlot(found.unit, models)),
      h("details", null, h("summary", null, "The numbers"), h("table", { class: "small" }, h("thead", null, head), h("tbody", null, rows))),
    );
  };

  // --- training ------------------------------------------------------------------------------------------------------------------
  const PANEL = { wide: 280, high: 150, left: 42, bottom: 18, top: 6, right: 6 };

  const panelPlot = (panel, steps) => {
    const values = panel.lines.flatMap((line) => line.raw).map((value) => (panel.log ? Math.log10(value) : value));
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (high - low < 1e-12) [low, high] = [low - Math.max(Math.abs(low) / 10, 1e-3), high + Math.max(Math.abs(high) / 10, 1e-3)];
    const { wide, high: tall, left, bottom, top, right } = PANEL;
    const x = (step) => left + ((wide - left - right) * (step - steps[0])) / Math.max(1, steps[1] - steps[0]);
    const y = (value) => top + (tall - top - bottom) * (1 - ((panel.log ? Math.log10(value) : value) - low) / (high - low));
    const marks = panel.log ? logTicks(low, high) : page.ticks(low, high, 4);
    return svg(
      "svg",
      { viewBox: `0 0 ${wide} ${tall}`, class: "plot-svg", role: "img", "aria-label": described(panel) },
      marks.map((at) => [
        svg("line", { class: "grid", x1: left, x2: wide - right, y1: y(at), y2: y(at) }),
        svg("text", { x: left - 5, y: y(at) + 3.5, "text-anchor": "end" }, short(at)),
      ]),
      [steps[0], steps[1]].map((at, index) => svg("text", { x: x(at), y: tall - 4, "text-anchor": index ? "end" : "start" }, count(at))),
      panel.lines.map((line, index) =>
        svg(
          "g",
          { class: `series ${line.bold && panel.lines.length > 1 ? "bold" : `s${index % 7}`}` },
          line.steps.map((step, at) => (line.raw === line.mean ? null : svg("circle", { class: "faint", cx: x(step), cy: y(line.raw[at]), r: 1.4 }))),
          svg("polyline", { points: line.steps.map((step, at) => `${x(step).toFixed(1)},${y(line.mean[at]).toFixed(1)}`).join(" ") }),
        ),
      ),
    );
  };

  const logTicks = (low, high) => {
    const every = Math.max(1, Math.ceil((high - low) / 4));
    const found = [];
    for (let power = Math.floor(low); power <= high; power += every) for (const part of high - low < 2 ? [1, 2, 5] : [1]) found.push(part * 10 ** power);
    const inside = found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
    return inside.length ? inside : [10 ** low, 10 ** high];
  };

  const described = (panel) =>
    `${panel.title}, ${panel.unit}: ${panel.lines.map((line) => `${line.label} from ${short(line.mean[0])} to ${short(line.mean.at(-1))}`).join("; ")}`;

  const names = (panel) =>
    panel.lines.length > 1
      ? h("p", { class: "key" }, panel.lines.map((line, at) => h("span", { class: line.bold ? "bold" : `s${at % 7}` }, h("i", { "aria-hidden": "true" }), line.label)))
      : null;

  page.drawTraining = () => {
    const runs = page.training.filter((run) => run.panels.length || run.problem);
    page.section(
      "training",
      runs.length ? h("p", { class: "about" }, "Against optimizer steps; points as logged, lines their running mean.") : null,
      runs.map((run) => [
        h("h3", null, run.name),
        run.problem ? h("p", { class: "problem" }, run.problem) : null,
        h("div", { class: "panels" }, run.panels.map((panel) => h("figure", { class: "panel" }, h("figcaption", null, h("b", null, panel.title), ` ${panel.unit}`), names(panel), panelPlot(panel, run.steps)))),
        run.alarms.length ? h("ul", { class: "alarms" }, run.alarms.map((alarm) => h("li", null, `step ${count(alarm.step)}: ${alarm.text}`))) : null,
      ]),
    );
  };
})((globalThis.unifer ??= {}));
