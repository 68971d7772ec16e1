// The sample browser: filters, list and detail kept in step with the page's address, and the keys that move in it.
"use strict";
((page) => {
  const { h, count } = page;
  const NAMES = { dataset: "dataset", model: "model", truth: "truth", said: "said", verdict: "verdict", find: "find" };
  let filters = { ...page.EMPTY };
  let kept = [];
  let current = null;
  let list = null;

  page.hiddenModels = new Set();
  page.rank = (emotion) => {
    const at = page.emotionOrder.indexOf(emotion);
    return at < 0 ? page.emotionOrder.length : at;
  };

  // --- the address ---------------------------------------------------------------------------------------------------------------
  const fragment = (at) => {
    const query = new URLSearchParams();
    if (at !== null) query.set("sample", page.samples.ids[at]);
    for (const [key, name] of Object.entries(NAMES)) if (filters[key]) query.set(name, filters[key]);
    return `#${query}`;
  };

  page.linkTo = (at) => fragment(at);

  const remember = () => {
    try {
      history.replaceState(null, "", fragment(current));
    } catch {
      // A page inside a sandboxed frame may not change its address; it works without.
    }
  };

  const restore = () => {
    const text = location.hash.slice(1);
    if (!text.includes("=")) return false;
    const query = new URLSearchParams(text);
    const wanted = { ...page.EMPTY };
    for (const [key, name] of Object.entries(NAMES)) wanted[key] = query.get(name) ?? "";
    const sample = page.samples.numbers.get(query.get("sample")) ?? null;
    apply(wanted, sample);
    page.at("samples").scrollIntoView();
    return true;
  };

  // --- filters -------------------------------------------------------------------------------------------------------------------
  const apply = (wanted, sample = current) => {
    filters = { ...page.EMPTY, ...wanted };
    for (const input of page.at("filters").elements) if (input.name in filters && input.value !== filters[input.name]) input.value = filters[input.name];
    // A value that no option has, from an old link, is no filter.
    for (const input of page.at("filters").querySelectorAll("select[name]")) if (input.name in filters && input.value !== filters[input.name]) { filters[input.name] = ""; input.value = ""; }
    kept = page.samples.matching(filters);
    list.show(kept);
    const all = page.samples.length;
    const text = kept.length === all ? `${count(all)} questions` : `${count(kept.length)} of ${count(all)} questions`;
    page.at("count").replaceChildren(text);
    page.at("reset").hidden = Object.values(filters).every((value) => !value);
    const place = sample === null ? -1 : kept.indexOf(sample);
    choose(place >= 0 ? place : kept.length ? 0 : -1);
  };

  page.setFilters = apply;
  page.currentFilters = () => ({ ...filters });

  const choose = (place) => {
    current = place < 0 ? null : kept[place];
    if (place >= 0) list.select(place);
    page.drawDetail(current);
    remember();
  };

  const options = (pairs) => pairs.map(([value, text]) => h("option", { value }, text));

  const select = (name, label, pairs) =>
    h("label", null, h("span", null, label), h("select", { name, onchange: () => read() }, options([["", "any"], ...pairs])));

  const read = () => {
    const wanted = {};
    for (const input of page.at("filters").elements) if (input.name in page.EMPTY) wanted[input.name] = input.value;
    apply(wanted);
  };

  const same = (values) => values.map((value) => [value, page.plain(value)]);

  const drawFilters = () => {
    const { datasets, models } = page.summary;
    const verdicts = page.VERDICTS.map((value) => [value, page.VERDICT_WORDS[value] ?? value]);
    if (models.length > 1) verdicts.push(["disagree", "models disagree"]);
    const shown = models.length > 1 && models.length <= 12
      ? h("fieldset", { class: "shown" }, h("legend", null, "Show"), models.map((name) => h("label", null, h("input", { type: "checkbox", checked: true, onchange: (event) => toggle(name, event.target.checked) }), name)))
      : null;
    page.fill(
      page.at("filters"),
      h("label", { class: "find" }, h("span", null, "Text"), h("input", { type: "search", name: "find", placeholder: "in replies and names  ( / )", spellcheck: "false", oninput: () => read() })),
      datasets.length > 1 ? select("dataset", "Dataset", datasets.map((each) => [each.name, page.plain(each.title)])) : null,
      select("truth", "Truth", same(page.samples.emotionsOf("truth"))),
      models.length > 1 ? select("model", "Model", same(models)) : null,
      select("said", "Answer", same(page.samples.emotionsOf("said"))),
      select("verdict", "Verdict", verdicts),
      h("button", { type: "button", id: "reset", hidden: true, onclick: () => apply(page.EMPTY) }, "Clear ", h("kbd", null, "x")),
      shown,
    );
    page.at("filters").addEventListener("submit", (event) => event.preventDefault());
  };

  const toggle = (name, shown) => {
    if (shown) page.hiddenModels.delete(name);
    else page.hiddenModels.add(name);
    page.drawDetail(current);
  };

  // Called from a cell of a confusion map: its truth, what was answered, and by whom.
  page.showSamples = ({ truth, said, named, run }) => {
    const canonical = (label) => page.samples.emotions[page.samples.labels.indexOf(label)] ?? label;
    const dataset = page.scope === "*" ? "" : page.scope;
    apply({ dataset, model: page.summary.models.length > 1 ? run : "", truth: canonical(truth), said: named ? canonical(said) : "", verdict: named ? "" : said });
    page.at("samples").scrollIntoView();
    page.at("list").focus({ preventScroll: true });
  };

  // --- keys ----------------------------------------------------------------------------------------------------------------------
  const step = (places) => {
    if (!kept.length) return;
    const place = current === null ? 0 : Math.min(kept.length - 1, Math.max(0, list.place + places));
    if (page.at("samples").getBoundingClientRect().top > innerHeight / 2) page.at("samples").scrollIntoView();
    choose(place);
  };

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => {
      page.at("samples").scrollIntoView();
      page.at("filters").elements.find.focus();
      page.at("filters").elements.find.select();
    },
    r: () => kept.length && choose(Math.floor(Math.random() * kept.length)),
    x: () => apply(page.EMPTY),
    t: () => page.turnTheme(),
    "?": () => page.at("help").showModal(),
  };
  const LIST_KEYS = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    PageDown: () => step(list.page),
    PageUp: () => step(-list.page),
    Home: () => step(-kept.length),
    End: () => step(kept.length),
  };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || page.at("help").open) return;
    const typing = event.target.closest?.("input:not([type=checkbox]):not([type=radio]), select, textarea");
    if (typing) {
      if (event.key === "Escape" || (event.key === "Enter" && event.target.name === "find")) page.at("list").focus();
      return;
    }
    const inList = event.target === page.at("list") || event.target === document.body;
    const act = KEYS[event.key] ?? (inList && (event.target !== document.body || event.key.startsWith("Arrow")) ? LIST_KEYS[event.key] : undefined);
    const far = event.target === document.body && event.key.startsWith("Arrow") && page.at("samples").getBoundingClientRect().top > innerHeight / 2;
    if (!act || far) return;
    event.preventDefault();
    act();
  };

  page.startBrowser = () => {
    drawFilters();
    list = new page.List(page.at("list"), page.rowOf, (place) => choose(place));
    document.addEventListener("keydown", pressed);
    addEventListener("hashchange", restore);
    if (!restore()) {
      apply(page.EMPTY, null);
    }
  };
})((globalThis.unifer ??= {}));
