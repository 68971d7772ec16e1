// The rows to review: a list, the row before the reader, keys to judge it, and the verdicts as a file to keep.
"use strict";
((page) => {
  const { h, count } = page;
  const SHOWN = { accepted: ["right", "✓", "accepted"], rejected: ["wrong", "✗", "rejected"], undefined: ["missing", "…", "to do"] };
  const HELP = [
    ["a", "accept, and on to the next row to do"],
    ["r", "reject, and on"],
    ["u", "take the verdict back"],
    ["j k", "next, previous row"],
    ["↓ ↑ Home End", "the same, in the list"],
    ["n", "next row without a verdict"],
    ["s", "save the verdicts"],
    ["t", "light, dark, or as the system"],
    ["?", "this help"],
  ];
  let rows = [];
  let list = null;
  let verdicts = new Map();

  // --- what this browser remembers ------------------------------------------------------------------------------------------------
  const place = () => `unifer-review-${page.summary.file.sha256}`;

  const remember = () => {
    try {
      localStorage.setItem(place(), JSON.stringify([...verdicts]));
    } catch {
      // No storage for this page: the verdicts last as long as the page.
    }
  };

  const remembered = () => {
    try {
      return new Map(JSON.parse(localStorage.getItem(place()) ?? "[]"));
    } catch {
      return new Map();
    }
  };

  // --- drawing ---------------------------------------------------------------------------------------------------------------------
  const source = (at) => {
    const shown = page.shown[at];
    return Array.isArray(shown) ? `data:image/webp;base64,${page.images.slice(shown[0], shown[1])}` : null;
  };

  const gold = ({ label, units }) => label ?? (units.length ? units.map((unit) => `AU${unit}`).join(" ") : "no AU");

  const badge = (verdict) => {
    const [kind, glyph, words] = SHOWN[verdict];
    return h("span", { class: `verdict ${kind}` }, h("span", { class: "glyph", "aria-hidden": "true" }, glyph), words);
  };

  const rowOf = (at) => [
    source(at) ? h("img", { src: source(at), alt: "", decoding: "async" }) : h("span", { class: "noface", "aria-hidden": "true" }),
    h("span", { class: "truth" }, gold(rows[at]), h("small", null, ` ${rows[at].id}`)),
    h("span", { class: "marks" }, badge(verdicts.get(rows[at].id))),
  ];

  const face = (at) => {
    const alt = `The face of row ${rows[at].id}, labelled ${gold(rows[at])}`;
    const picture = source(at)
      ? h("img", { src: source(at), alt, decoding: "async" })
      : h("div", { class: "noface", role: "img", "aria-label": `No image: ${page.shown[at]}` }, h("span", null, page.shown[at]));
    return h("figure", { class: "face" }, picture, h("figcaption", null, rows[at].image));
  };

  const told = ({ id, dataset, units, question, faults, ...row }) =>
    h(
      "div",
      { class: "told" },
      h("h3", null, gold({ units, ...row }), h("small", null, " is the gold")),
      h(
        "dl",
        null,
        h("dt", null, "Row"),
        h("dd", { id: "id" }, id),
        dataset ? [h("dt", null, "Dataset"), h("dd", null, dataset)] : null,
        units === null ? null : [h("dt", null, "AUs"), h("dd", null, units.length ? units.map((unit) => [page.unit(unit), " "]) : "none active")],
      ),
      h("p", { class: "question", dir: "auto" }, question),
      faults.length ? h("ul", { class: "faults", "aria-label": "Faults" }, faults.map((fault) => h("li", null, fault))) : null,
    );

  const verdictButton = (row, verdict, key, words) =>
    h("button", { type: "button", class: verdict, "aria-pressed": String(verdicts.get(row.id) === verdict), onclick: () => judge(verdict) }, words, " ", h("kbd", null, key));

  const draw = () => {
    const row = rows[list.place];
    page.fill(
      page.at("detail"),
      h("div", { class: "asked" }, face(list.place), told(row)),
      h("div", { class: "reply", dir: "auto", tabindex: "0", role: "group", "aria-label": "Reply" }, page.marked(row, row.units, null)),
      row.length ? h("p", { class: "cut" }, `cut here: ${count(row.text.length)} of ${count(row.length)} characters are on this page`) : null,
      page.unitsAgainst(row.claimed, row.units, null),
      h("div", { class: "judge", role: "group", "aria-label": "Verdict" }, verdictButton(row, "accepted", "a", "Accept"), verdictButton(row, "rejected", "r", "Reject")),
    );
    page.at("detail").scrollTop = 0;
  };

  const tell = () => {
    const said = [...verdicts.values()];
    const accepted = said.filter((verdict) => verdict === "accepted").length;
    page.at("count").replaceChildren(`${count(accepted)} accepted, ${count(said.length - accepted)} rejected, ${count(rows.length - said.length)} to do`);
  };

  // --- judging ---------------------------------------------------------------------------------------------------------------------
  const show = (at) => {
    list.select(Math.min(rows.length - 1, Math.max(0, at)));
    draw();
  };

  const changed = () => {
    remember();
    tell();
    list.clear();
    list.render();
  };

  // The nearest row to do from `at` on, around the end; where none is left, `otherwise`.
  const toDo = (at, otherwise) => {
    for (let steps = 0; steps < rows.length; steps++) {
      const next = (at + steps) % rows.length;
      if (!verdicts.has(rows[next].id)) return next;
    }
    return otherwise;
  };

  const judge = (verdict) => {
    verdicts.set(rows[list.place].id, verdict);
    changed();
    show(toDo(list.place + 1, list.place));
  };

  const takeBack = () => {
    verdicts.delete(rows[list.place].id);
    changed();
    draw();
  };

  const save = () => {
    const { file } = page.summary;
    const text = JSON.stringify({ file, verdicts: Object.fromEntries(verdicts) }, null, 1);
    const link = h("a", { download: `${file.name.replace(/\.jsonl?$/, "")}.verdicts.json` });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  const KEYS = {
    a: () => judge("accepted"),
    r: () => judge("rejected"),
    u: takeBack,
    j: () => show(list.place + 1),
    k: () => show(list.place - 1),
    ArrowDown: () => show(list.place + 1),
    ArrowUp: () => show(list.place - 1),
    Home: () => show(0),
    End: () => show(rows.length - 1),
    n: () => show(toDo(list.place + 1, list.place)),
    s: save,
    t: () => page.turnTheme(),
    "?": () => page.at("help").showModal(),
  };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && "aru".includes(event.key)) || page.at("help").open) return;
    const scrolls = event.key.length > 1 && event.target !== page.at("list") && event.target !== document.body;
    const act = scrolls ? undefined : KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const start = async () => {
    page.summary = JSON.parse(page.at("about-data").textContent);
    page.startTheme();
    page.startHelp(HELP, "Verdicts stay in this browser until the page is written about other rows; save them to hand them on.");
    if (typeof DecompressionStream === "undefined") {
      page.at("count").replaceChildren("This browser cannot unpack the rows (it has no DecompressionStream); any of 2023 or later can.");
      return;
    }
    page.images = page.at("images-data").textContent;
    [rows, page.shown] = await Promise.all(["rows-data", "shown-data"].map((id) => page.unzipped(page.at(id).textContent)));
    verdicts = remembered();
    list = new page.List(page.at("list"), rowOf, show);
    list.show(rows.map((_, at) => at));
    page.at("save").addEventListener("click", save);
    document.addEventListener("keydown", pressed);
    tell();
    show(toDo(0, 0));
    document.documentElement.dataset.ready = "yes";
  };

  start();
})((globalThis.unifer ??= {}));
