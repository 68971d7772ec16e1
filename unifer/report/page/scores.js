// The headline: models x datasets, each score with its 95 % interval, what became of every question, and lines to compare with.
"use strict";
((page) => {
  const { h, svg, percent, count } = page;
  const SCORES = [["war", "WAR"], ["uar", "UAR"], ["macro_f1", "macro-F1"]];
  const OUTCOMES = ["answered", "off_list", "no_answer", "failed", "missing"];

  const interval = (found, name) => found.intervals?.[name] ?? null;

  const bounds = (range) => (range ? h("small", { class: "ci" }, `${percent(range[0])}–${percent(range[1])}`) : null);

  const score = (found, name, best) => {
    const value = found?.[name] ?? null;
    if (value === null) return h("td", { class: "num" }, found ? "–" : "");
    return h("td", { class: `num${best ? " best" : ""}` }, percent(value), " ", bounds(interval(found, name)));
  };

  // WAR on an axis from 0 to 100: a dot with its interval, and what guessing and people reach.
  const whisker = (found, lines) => {
    if (found === null || found.war === undefined) return h("td", { class: "plot" });
    const range = interval(found, "war");
    const marks = lines.map((line) =>
      svg("line", { class: `ref ${line.kind}`, x1: 100 * line.war, x2: 100 * line.war, y1: 1, y2: 15 }, svg("title", null, line.name)),
    );
    return h(
      "td",
      { class: "plot", "aria-hidden": "true" },
      svg(
        "svg",
        { viewBox: "-3 0 106 16", preserveAspectRatio: "none", class: "whisker" },
        svg("line", { class: "axis", x1: 0, x2: 100, y1: 8, y2: 8 }),
        marks,
        range ? svg("line", { class: "range", x1: 100 * range[0], x2: 100 * range[1], y1: 8, y2: 8 }) : null,
        svg("line", { class: "dot", x1: 100 * found.war, x2: 100 * found.war, y1: 2, y2: 14 }),
      ),
    );
  };

  const outcomes = (counts) => OUTCOMES.map((name) => h("td", { class: `num${counts[name] ? "" : " none"}` }, count(counts[name])));

  const row = (name, found, units, counts, lines, best) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name),
      whisker(found, lines),
      SCORES.map(([key]) => score(found, key, best[key] === name)),
      page.hasUnits ? score(units, "face_f1", best.face_f1 === name) : null,
      counts ? outcomes(counts) : OUTCOMES.map(() => h("td")),
    );

  const line = (each, columns) =>
    h(
      "tr",
      { class: "line" },
      h("th", { scope: "row" }, each.name, each.about ? h("small", { class: "about" }, ` ${each.about}`) : null),
      h("td", { class: "plot" }),
      SCORES.map(([key]) => h("td", { class: "num" }, each[key] === undefined || each[key] === null ? "" : percent(each[key]))),
      h("td", { colspan: columns - 5 }),
    );

  const bestOf = (rows) => {
    const best = {};
    // Of models that were asked different questions none is the best.
    if (rows.length < 2 || new Set(rows.map(([, , , counts, number]) => number ?? counts.asked)).size > 1) return best;
    for (const key of [...SCORES.map(([name]) => name), "face_f1"]) {
      const ranked = rows
        .map(([name, found, units]) => [name, key === "face_f1" ? units?.[key] : found?.[key]])
        .filter(([, value]) => value !== undefined && value !== null)
        .sort((one, other) => other[1] - one[1]);
      if (ranked.length > 1 && ranked[0][1] > ranked[1][1]) best[key] = ranked[0][0];
    }
    return best;
  };

  // What always naming the commonest label scores, and how often people agree: of the run that was asked most.
  const linesOf = (rows) => {
    const told = rows.filter(([, found]) => found?.baselines);
    if (!told.length) return [];
    const { majority, human } = told.reduce((one, other) => ((other[3]?.asked ?? 0) > (one[3]?.asked ?? 0) ? other : one))[1].baselines;
    const always = { kind: "majority", name: majority.label ? `always ${majority.label}` : "always the commonest label", ...majority };
    return human ? [always, { kind: "human", name: "people", ...human }] : [always];
  };

  const group = (title, about, rows, columns) => {
    const best = bestOf(rows);
    const lines = linesOf(rows);
    return h(
      "tbody",
      null,
      h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: columns }, title, h("small", null, ` ${about}`))),
      rows.map(([name, found, units, counts]) => row(name, found, units, counts, lines, best)),
      lines.map((each) => line(each, columns)),
    );
  };

  const groups = (columns) => {
    const { runs, together, datasets } = page.summary;
    const found = [];
    if (together.length) {
      const pooled = together.map((each) => [each.run, each.pooled, null, each.pooled.counts]);
      const asked = new Set(together.map((each) => each.pooled.counts.asked));
      const about = asked.size === 1 ? `every question alike, ${count([...asked][0])} in all` : "every question alike; models answered different sets";
      found.push(group("All datasets, pooled", about, pooled, columns));
      const means = together.map((each) => [each.run, each.mean_of_datasets, null, null, each.pooled.counts.asked]);
      found.push(group("Mean of datasets", "every dataset alike", means, columns));
    }
    for (const dataset of datasets) {
      const here = runs.filter((run) => run.dataset === dataset.name);
      const rows = here.map((run) => [run.run, run.war === undefined ? null : run, run.action_units ?? null, run.counts]);
      const asked = [...new Set(here.map((run) => run.counts.asked))].map(count).join(" or ");
      found.push(group(dataset.title, `${asked} questions${dataset.labels.length ? "" : ", of Action Units alone"}`, rows, columns));
    }
    return found;
  };

  // How the intervals were made, in the words of the scores themselves.
  const drawn = () => {
    const methods = new Set(page.summary.runs.map((run) => run.intervals?.method ?? run.action_units?.intervals?.method).filter(Boolean));
    return methods.size ? `, with 95 % intervals (${[...methods].join("; ")})` : "";
  };

  page.drawScores = () => {
    const heads = ["Model", "WAR, 0 to 100", ...SCORES.map(([, name]) => name), ...(page.hasUnits ? ["AU F1, per face"] : []), ...OUTCOMES.map(page.outcome)];
    const table = h(
      "table",
      { class: "headline" },
      h("caption", null, `Percent${drawn()}. Whatever is not answered from the list counts as wrong. Bold: highest of a group whose models were asked the same questions.`),
      h("thead", null, h("tr", null, heads.map((head, at) => h("th", { scope: "col", class: at > 1 ? "num" : "" }, head)))),
      groups(heads.length),
    );
    page.section("scores", h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Scores" }, table));
  };

  page.drawWarnings = () => {
    const { warnings } = page.summary;
    page.section("warnings", warnings.length ? h("ul", null, warnings.map((each) => h("li", null, each))) : null);
  };
})((globalThis.unifer ??= {}));
