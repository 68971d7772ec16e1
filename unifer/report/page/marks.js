// A reply as its reader sees it: tags faint, the answer strong, Action Units marked where the grader read them.
"use strict";
((page) => {
  const { h } = page;
  const TAG = /<\s*(?:\/\s*)?(?:think|answer)\s*>/gi;

  // What a mention says and whether the face's annotation agrees: two things, so two channels (fill and colour).
  const mention = (text, number, affirmed, units, coded) => {
    const name = page.summary.units[number];
    const shown = units === null || (coded && !coded.includes(number)) ? null : units.includes(number);
    const fits = shown === null ? "unknown" : shown === Boolean(affirmed) ? "agrees" : "differs";
    const said = affirmed ? "claimed" : "denied";
    const truth = shown === null ? "not coded on this face" : shown ? "on the face" : "not on the face";
    return h(
      "mark",
      { class: `au ${said} ${fits}`, title: `AU${number}${name ? ` ${name}` : ""}: ${said}, ${truth}` },
      text,
      h("span", { class: "unseen" }, ` (${said}, ${truth})`),
    );
  };

  const tagged = (text) => {
    const parts = [];
    let at = 0;
    for (const match of text.matchAll(TAG)) {
      parts.push(text.slice(at, match.index), h("span", { class: "tag" }, match[0]));
      at = match.index + match[0].length;
    }
    return [...parts, text.slice(at)];
  };

  // `reply` has text, answer ([start, end] or null) and marks (start, end, number, affirmed, ...), as the samples' columns hold them.
  page.marked = (reply, units, coded) => {
    const stops = [];
    for (let at = 0; at < (reply.marks ?? []).length; at += 4) stops.push(reply.marks.slice(at, at + 4));
    const pieces = [];
    let at = 0;
    const upTo = (end, strong) => {
      if (end <= at) return;
      const text = tagged(reply.text.slice(at, end));
      pieces.push(strong ? h("strong", { class: "answer" }, text) : text);
      at = end;
    };
    const [from, to] = reply.answer ?? [Infinity, Infinity];
    for (const [start, end, number, affirmed] of stops) {
      for (const place of [from, to]) if (at < place && place <= start) upTo(place, place === to);
      upTo(start, at >= from && at < to);
      pieces.push(mention(reply.text.slice(at, end), number, affirmed, units, coded));
      at = end;
    }
    for (const place of [from, to]) if (at < place && place <= reply.text.length) upTo(place, place === to);
    upTo(reply.text.length, false);
    return pieces;
  };

  page.unit = (number) => {
    const name = page.summary.units[number];
    return h("abbr", { title: name ?? `AU${number}` }, `AU${number}`);
  };

  // AUs claimed against AUs shown, as three short lists: both, claimed alone, missed.
  page.unitsAgainst = (claimed, units, coded) => {
    if (units === null) {
      return claimed.length ? h("p", { class: "against" }, h("span", { class: "what" }, "claims "), chips(claimed, "unknown", "")) : null;
    }
    const lists = [
      ["seen ", claimed.filter((unit) => units.includes(unit)), "agrees", "✓"],
      ["not there ", claimed.filter((unit) => !units.includes(unit) && (!coded || coded.includes(unit))), "differs", "✗"],
      ["not coded ", claimed.filter((unit) => coded && !coded.includes(unit)), "unknown", ""],
      ["missed ", units.filter((unit) => !claimed.includes(unit)), "missed", "–"],
    ];
    const filled = lists.filter(([, list]) => list.length);
    if (!filled.length) return h("p", { class: "against" }, h("span", { class: "what" }, "no AU claimed, none on the face"));
    return h(
      "p",
      { class: "against" },
      filled.map(([what, list, kind, glyph]) => h("span", null, h("span", { class: "what" }, what), chips(list, kind, glyph))),
    );
  };

  const chips = (list, kind, glyph) =>
    list.map((unit) => [h("span", { class: `chip ${kind}` }, glyph && h("span", { "aria-hidden": "true" }, glyph), page.unit(unit)), " "]);
})((globalThis.unifer ??= {}));
