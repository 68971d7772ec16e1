// What can be said of the reasoning of each run, each score with what it is over; a column stands only where some run has it.
"use strict";
((page) => {
  const { h, percent, count } = page;
  const plain = (value) => value.toFixed(1);
  const MEASURES = [
    [(scores) => scores.rouge_l, "ROUGE-L", percent, "F-measure against the reference, percent"],
    [(scores) => rege(scores.rege?.accuracy), "REGE, emotions", plain, "accuracy plus ROUGE-L, 0 to 200"],
    [(scores) => rege(scores.rege?.macro_au_f1), "REGE, AUs", plain, "macro AU F1 plus ROUGE-L, 0 to 200"],
    [(scores) => scores.judge, "Judge", (value) => value.toFixed(2), "mean mark, 1 to 10"],
    [(scores) => scores.answer_follows_from_claims?.follows, "Answer follows", percent, "the AUs claimed fit the answer's prototype best, percent"],
    [(scores) => scores.claims_are_true?.precision, "Claims true", percent, "of the AUs claimed, percent on the face"],
    [(scores) => scores.claims_are_true?.exact, "All AUs right", percent, "exactly the AUs of the face, percent"],
  ];

  const rege = (found) => (found ? { value: found.rege, n: Math.min(found.n_re, found.n_ge), ci95: found.ci95 } : undefined);

  const cell = (found, format) => {
    if (!found || found.value === null || found.value === undefined) return h("td", { class: "num" }, "–");
    const range = found.ci95 ? h("small", { class: "ci" }, ` ${format(found.ci95[0])}–${format(found.ci95[1])}`) : null;
    return h("td", { class: "num" }, format(found.value), range, h("small", { class: "over" }, `n ${count(found.n)}`));
  };

  const judges = (runs) => {
    const found = runs.map((run) => [run.run, run.reasoning.judge]).filter(([, judge]) => judge);
    return found.map(([name, judge]) =>
      h(
        "p",
        { class: "about" },
        `${name}: judged by ${judge.judge}, rubric ${judge.rubric}; ${count(judge.judged)} marks, ${count(judge.failed)} judgements failed and ${count(judge.unasked)} not asked for: neither is in the mean.`,
      ),
    );
  };

  const table = (dataset, runs) => {
    const measures = MEASURES.filter(([take]) => runs.some((run) => take(run.reasoning)));
    if (!measures.length) return null;
    const head = h("tr", null, h("td"), measures.map(([, name, , about]) => h("th", { scope: "col", class: "num", title: about }, name)));
    const rows = runs.map((run) => h("tr", null, h("th", { scope: "row" }, run.run), measures.map(([take, , format]) => cell(take(run.reasoning), format))));
    const caption = measures.map(([, name, , about]) => `${name}: ${about}`).join(". ");
    return [
      h("div", { class: "wide" }, h("table", { class: "reasons" }, h("caption", null, h("b", null, dataset.title), `. ${caption}.`), h("thead", null, head), h("tbody", null, rows))),
      judges(runs),
    ];
  };

  page.drawReasoning = () => {
    const { datasets, runs } = page.summary;
    const tables = datasets
      .filter((dataset) => page.scope === "*" || page.scope === dataset.name)
      .map((dataset) => [dataset, runs.filter((run) => run.dataset === dataset.name && run.reasoning)])
      .filter(([, found]) => found.length)
      .map(([dataset, found]) => table(dataset, found));
    page.section("reasoning", tables);
  };
})((globalThis.unifer ??= {}));
