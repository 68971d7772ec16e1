// One question with its image, and what each model replied to it; and its row in the list.
"use strict";
((page) => {
  const { h, count } = page;
  const GLYPHS = { right: "✓", wrong: "✗", off_list: "≠", no_answer: "∅", failed: "!", missing: "…" };
  const WORDS = { right: "right", wrong: "wrong", off_list: "off the list", no_answer: "no answer", failed: "failed", missing: "no row" };
  page.VERDICT_WORDS = WORDS;

  // The thumbnail of question `at` as a data URL; null where the page has none.
  page.thumbnail = (at) => {
    const shown = page.shown[at];
    if (!Array.isArray(shown)) return null;
    return `data:image/webp;base64,${page.images.slice(shown[0], shown[1])}`;
  };

  const truthOf = (at) => {
    const { truth, units } = page.samples.questions;
    if (truth[at] >= 0) return page.samples.label(truth[at]);
    return units[at]?.length ? units[at].map((unit) => `AU${unit}`).join(" ") : "no AU";
  };

  const saidOf = (at, model) => {
    const { label, claimed } = page.samples.replies[model];
    const verdict = page.samples.verdict(at, model);
    if (label[at] >= 0) return page.samples.label(label[at]);
    if (page.samples.questions.truth[at] < 0 && (verdict === "right" || verdict === "wrong")) return claimed[at].map((unit) => `AU${unit}`).join(" ") || "no AU";
    return WORDS[verdict];
  };

  const badge = (verdict, text) =>
    h("span", { class: `verdict ${verdict}` }, h("span", { class: "glyph", "aria-hidden": "true" }, GLYPHS[verdict]), h("span", { class: "unseen" }, `${WORDS[verdict]}: `), text);

  page.rowOf = (at) => {
    const { models } = page.summary;
    const source = page.thumbnail(at);
    return [
      source ? h("img", { src: source, alt: "", decoding: "async" }) : h("span", { class: "noface", "aria-hidden": "true" }),
      h("span", { class: "truth" }, truthOf(at), h("small", null, ` ${page.samples.questions.key[at].split("/").at(-1)}`)),
      h("span", { class: "marks" }, models.map((name, model) => badge(page.samples.verdict(at, model), models.length > 3 ? "" : saidOf(at, model)))),
    ];
  };

  const picture = (at) => {
    const { image, key } = page.samples.questions;
    const shown = page.shown[at];
    const source = page.thumbnail(at);
    const alt = `The face of question ${key[at]}, labelled ${truthOf(at)}`;
    return h(
      "figure",
      { class: "face" },
      source ? h("img", { src: source, alt, decoding: "async" }) : h("div", { class: "noface", role: "img", "aria-label": `No image: ${shown}` }, h("span", null, shown)),
      image[at] === key[at] ? null : h("figcaption", null, image[at]),
    );
  };

  const told = (at) => {
    const { questions, prompts, ids } = page.samples;
    const units = questions.units[at];
    return h(
      "div",
      { class: "told" },
      h("h3", null, truthOf(at), h("small", null, " is the truth")),
      h(
        "dl",
        null,
        h("dt", null, "Dataset"),
        h("dd", null, page.summary.datasets[questions.dataset[at]].title),
        h("dt", null, "Question"),
        h("dd", null, h("a", { href: page.linkTo(at), class: "permalink", title: "Link to this sample with these filters" }, questions.key[at])),
        units === null ? null : [h("dt", null, "AUs"), h("dd", null, units.length ? units.map((unit) => [page.unit(unit), " "]) : "none coded")],
      ),
      h("details", { class: "prompt" }, h("summary", null, "What was asked"), h("p", { dir: "auto" }, prompts[questions.prompt[at]])),
      questions.reference[at] ? h("details", { class: "prompt" }, h("summary", null, "Reference reasoning"), h("p", { dir: "auto" }, questions.reference[at])) : null,
    );
  };

  const about = (reply) => {
    const facts = [];
    if (reply.tokens !== null && reply.tokens !== undefined) facts.push(`${count(reply.tokens)} tokens`);
    else if (reply.text) facts.push(`${count(reply.length || reply.text.length)} characters`);
    if (reply.finish >= 0) facts.push(`ended by ${page.samples.finishes[reply.finish]}`);
    if (!reply.form && reply.outcome === 0) facts.push("not of the exact form");
    return facts.join(" · ");
  };

  const card = (at, model) => {
    const name = page.summary.models[model];
    const verdict = page.samples.verdict(at, model);
    const reply = page.samples.reply(at, model);
    const units = page.samples.questions.units[at];
    const coded = page.samples.questions.coded[at];
    const head = h("header", null, h("h4", null, name), badge(verdict, saidOf(at, model)));
    if (verdict === "missing") return h("section", { class: "card" }, head, h("p", { class: "about" }, "This run has no row for the question."));
    const failed = verdict === "failed";
    return h(
      "section",
      { class: "card" },
      head,
      failed
        ? h("p", { class: "problem", dir: "auto" }, reply.text)
        : h("div", { class: "reply", dir: "auto", tabindex: "0", role: "group", "aria-label": `Reply of ${name}` }, page.marked(reply, units, coded)),
      reply.length ? h("p", { class: "cut" }, `cut here: ${count(page.samples.longest)} of ${count(reply.length)} characters are on this page`) : null,
      failed ? null : page.unitsAgainst(reply.claimed ?? [], units, coded),
      reply.prompt >= 0 ? h("details", { class: "prompt" }, h("summary", null, "Asked in other words"), h("p", { dir: "auto" }, page.samples.prompts[reply.prompt])) : null,
      h("p", { class: "about" }, about(reply)),
    );
  };

  const legend = () =>
    h(
      "p",
      { class: "legend" },
      h("mark", { class: "au claimed agrees" }, "AU claimed"),
      " ",
      h("mark", { class: "au denied agrees" }, "AU denied"),
      " as the face was coded; ",
      h("mark", { class: "au claimed differs" }, "claimed"),
      " ",
      h("mark", { class: "au denied differs" }, "denied"),
      " against it; ",
      h("mark", { class: "au claimed unknown" }, "claimed"),
      " ",
      h("mark", { class: "au denied unknown" }, "denied"),
      " where it was not coded",
    );

  page.drawDetail = (at) => {
    const detail = page.at("detail");
    if (at === null) return page.fill(detail, h("p", { class: "nothing" }, "No sample passes these filters."));
    const cards = page.summary.models.map((name, model) => (page.hiddenModels.has(name) ? null : card(at, model)));
    const speaks = page.samples.replies.some((columns) => columns.marks[at]?.length);
    page.fill(detail, h("div", { class: "asked" }, picture(at), told(at)), h("div", { class: "cards" }, cards), speaks ? legend() : null);
    detail.scrollTop = 0;
    return undefined;
  };
})((globalThis.unifer ??= {}));
