// One model's reading of one face: label, bars of the votes, Action Units, reasoning with the words that claim them.
"use strict";
((page) => {
  const { h } = page;

  const colour = (region) => ({ "--c": page.about.colours[region] ?? "var(--soft)" });

  const headline = (reading) => {
    if (reading.error) return "failed";
    if (reading.label === null) return reading.outcome === "off_list" ? "an answer off the list" : "no answer";
    return reading.sure === false ? `not sure (${reading.label})` : reading.label;
  };
  page.headline = headline;

  const bars = (votes) => {
    const rows = Object.entries(votes.shares).sort((one, other) => other[1] - one[1]);
    if (votes.unanswered) rows.push(["no answer", votes.unanswered]);
    return h(
      "table",
      { class: "shares" },
      h("caption", null, `${votes.labels.length} votes, confidence ${page.percent(votes.confidence, 0)} %`),
      h(
        "tbody",
        null,
        rows.map(([label, share]) =>
          h("tr", null, h("th", { scope: "row" }, label), h("td", { class: "track" }, h("span", { class: "fill", style: { width: `${100 * share}%` } })), h("td", { class: "num" }, `${page.percent(share, 0)} %`)),
        ),
      ),
    );
  };

  const units = (claims) =>
    claims.length
      ? h(
          "ul",
          { class: "units" },
          claims.map((claim) =>
            h(
              "li",
              { "data-region": claim.region ?? "", tabindex: 0, style: colour(claim.region) },
              h("b", null, `AU${claim.number}`),
              ` ${claim.name}`,
              h("small", null, [claim.region && ` ${claim.region}`, claim.share !== null && `, ${page.percent(claim.share, 0)} % of the votes`]),
            ),
          ),
        )
      : h("p", { class: "about" }, "No Action Unit is claimed.");

  // Offsets count characters, of which some are two units of a JavaScript string.
  const reasoning = (reading) => {
    const letters = Array.from(reading.reasoning);
    const spans = reading.action_units
      .flatMap((claim) => claim.spans.map(([start, end]) => ({ start, end, claim })))
      .sort((one, other) => one.start - other.start);
    const pieces = [];
    let at = 0;
    for (const { start, end, claim } of spans) {
      if (start < at) continue;
      pieces.push(letters.slice(at, start).join(""));
      pieces.push(
        h("mark", { class: "word", "data-region": claim.region ?? "", tabindex: 0, style: colour(claim.region), title: `AU${claim.number} ${claim.name}${claim.region ? ` (${claim.region})` : ""}` }, letters.slice(start, end).join("")),
      );
      at = end;
    }
    pieces.push(letters.slice(at).join(""));
    return h("p", { class: "reasoning" }, pieces);
  };

  // Whatever names the same region of the face lights up together: ellipse, list entry and word.
  const linked = (card) => {
    const light = (name) => {
      for (const each of card.querySelectorAll("[data-region]")) each.classList.toggle("lit", Boolean(name) && each.dataset.region === name);
    };
    for (const [over, out] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
      card.addEventListener(over, (event) => light(event.target.closest("[data-region]")?.dataset.region ?? ""));
      card.addEventListener(out, () => light(""));
    }
    return card;
  };

  const facts = (reading) =>
    [
      reading.seconds !== null && `${reading.seconds.toFixed(1)} s`,
      reading.completion_tokens !== null && `${page.count(reading.completion_tokens)} tokens`,
      `faces: ${reading.detector}`,
      reading.crop && `margin ${reading.crop.margin}`,
      `asked for ${reading.labels.join(", ")}`,
    ].filter(Boolean).join(" · ");

  const PLACED = { points: "Regions placed by the face's five points.", box: "Regions placed by the proportions of the box, which is a guess." };

  // `answer` is the server's of one photo, `reading` and `marks` those of one face in it.
  page.card = (photo, answer, reading, marks) => {
    const part = page.around(reading.face?.box ?? null, answer.width, answer.height);
    const own = reading.warnings.filter((line) => !page.about.models[answer.model]?.includes(line));
    const claims = reading.action_units;
    return linked(
      h(
        "article",
        { class: "card", "aria-label": `${answer.model}: ${headline(reading)}` },
        h("header", null, h("h4", null, answer.model)),
        h("p", { class: "label" }, headline(reading)),
        reading.error && h("p", { class: "problem" }, reading.error),
        h("figure", null, page.view(photo, part, [answer.width, answer.height], `the face that was read in ${answer.photo}`, page.regions(claims, marks, part)), claims.length > 0 && marks && h("figcaption", null, PLACED[marks.placed_by])),
        [...(page.about.models[answer.model] ?? []), ...own].map((line) => h("p", { class: "beware" }, line, ".")),
        reading.votes ? bars(reading.votes) : h("p", { class: "about" }, "One reply: without votes nothing tells how sure it is."),
        h("h5", null, "Action Units claimed"),
        units(claims),
        h("h5", null, "Reasoning"),
        reasoning(reading),
        h("p", { class: "about" }, facts(reading)),
      ),
    );
  };

  // A model that gave no answer.
  page.refusedCard = (model, line) => h("article", { class: "card", "aria-label": `${model}: no answer` }, h("header", null, h("h4", null, model)), h("p", { class: "problem" }, line));
})((globalThis.unifer ??= {}));
