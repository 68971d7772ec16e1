// Start: read the data in the page, draw the sections, then the browser.
"use strict";
((page) => {
  const { h, count } = page;
  const TRUST = ["faithfulness", "votes", "damage", "calibration", "fairness"];
  const SECTIONS = ["scores", "radar", "differences", "changes", "confusion", "classes", "units", "reasoning", "lengths", ...TRUST, "training", "provenance", "samples"];
  const SHORT = { scores: "Scores", radar: "Radar", differences: "Differences", changes: "Labels", confusion: "Confusion", classes: "Emotions", units: "AUs", reasoning: "Reasoning", lengths: "Lengths", faithfulness: "Faithfulness", votes: "Votes", damage: "Robustness", calibration: "Calibration", fairness: "Fairness", training: "Training", provenance: "Made from", samples: "Samples" };
  const KEYS = [
    ["j k", "next, previous sample"],
    ["↓ ↑ Home End", "the same, in the list"],
    ["/", "search replies and names"],
    ["x", "clear the filters"],
    ["r", "a random sample of those listed"],
    ["t", "light, dark, or as the system"],
    ["?", "this help"],
    ["Esc", "leave the search field, close this"],
  ];

  // [model, scores] of what the chosen datasets give: one dataset's run, or the pooled scores.
  page.inScope = () => {
    const { runs, together, datasets } = page.summary;
    if (page.scope === "*" && together.length) return together.map((each) => [each.run, each.pooled]);
    const name = page.scope === "*" ? datasets[0].name : page.scope;
    return runs.filter((run) => run.dataset === name).map((run) => [run.run, run]);
  };

  const drawScope = () => {
    const { datasets, together } = page.summary;
    page.scope = datasets.length > 1 ? "*" : datasets[0].name;
    if (datasets.length < 2) return;
    const all = together.length ? "all, pooled" : "all";
    page.fill(page.at("scope"), h("option", { value: "*" }, all), datasets.map((each) => h("option", { value: each.name }, each.title)));
    page.at("scope-label").hidden = false;
    page.at("scope").addEventListener("change", (event) => {
      page.scope = event.target.value;
      drawScoped();
    });
  };

  const drawScoped = () => {
    for (const draw of [page.drawRadar, page.drawGains, page.drawChanges, page.drawConfusion, page.drawClasses, page.drawUnits, page.drawReasoning, page.drawLengths, page.drawTrust]) draw();
    drawLinks();
  };

  const drawLinks = () =>
    page.fill(
      page.at("links"),
      SECTIONS.filter((id) => !page.at(id).hidden).map((id) => h("li", null, h("a", { href: `#${id}` }, SHORT[id]))),
    );

  const drawHead = () => {
    const { models, datasets, runs, made } = page.summary;
    const replies = runs.reduce((sum, run) => sum + run.counts.asked - run.counts.missing, 0);
    const plural = (number, name) => `${count(number)} ${name}${number === 1 ? "" : "s"}`;
    page.fill(
      page.at("lede"),
      `${plural(models.length, "model")} on ${plural(datasets.length, "dataset")}: `,
      models.map((name, at) => [at ? ", " : "", h("span", { class: "name" }, name)]),
      `. ${count(replies)} replies, graded on ${made.slice(0, 10)}.`,
    );
    page.fill(page.at("footer"), h("p", null, page.summary.images));
  };

  const drawSummary = () => {
    page.hasUnits = page.summary.runs.some((run) => run.action_units);
    drawHead();
    drawScope();
    page.drawWarnings();
    page.drawScores();
    page.drawTraining();
    page.drawProvenance();
    drawScoped();
    page.startTheme();
    page.startHelp(KEYS, "The address of this page always names the sample and the filters: copy it to show somebody the same.");
  };

  const start = async () => {
    page.summary = JSON.parse(page.at("summary-data").textContent);
    page.training = page.summary.training;
    drawSummary();
    if (typeof DecompressionStream === "undefined") {
      page.at("count").replaceChildren("This browser cannot unpack the samples (it has no DecompressionStream); any of 2023 or later can.");
      return;
    }
    page.images = page.at("images-data").textContent;
    const [samples, shown] = await Promise.all(["samples-data", "shown-data"].map((id) => page.unzipped(page.at(id).textContent)));
    page.shown = shown;
    page.samples = new page.Samples(samples, page.summary);
    page.emotionOrder = page.summary.emotions;
    page.startBrowser();
    document.documentElement.dataset.ready = "yes";
    (globalThis.requestIdleCallback ?? setTimeout)(() => page.samples.prepare());
  };

  start();
})((globalThis.unifer ??= {}));
