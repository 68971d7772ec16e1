// Models over datasets, or over the labels of one: outlines on axes from 0 to 100, and the same numbers with intervals below.
"use strict";
((page) => {
  const { h, svg, percent } = page;
  const WIDE = 600, HIGH = 372, CENTRE = [300, 186], REACH = 150, AWAY = 16;
  const RINGS = [0.2, 0.4, 0.6, 0.8, 1];

  const place = (share, at, axes, more = 0) => {
    const turn = (2 * Math.PI * at) / axes - Math.PI / 2;
    return [CENTRE[0] + (REACH * share + more) * Math.cos(turn), CENTRE[1] + (REACH * share + more) * Math.sin(turn)];
  };

  const written = (points) => points.map((point) => point.map((each) => each.toFixed(1)).join(",")).join(" ");

  // Runs of axes that have a score, as lines: one closed outline, or open ones where an axis lacks.
  const lines = (values) => {
    const axes = values.length;
    const gap = values.indexOf(null);
    const order = values.map((_, at) => (at + Math.max(gap, 0)) % axes);
    if (gap < 0) return [[...order, order[0]]];
    const found = [[]];
    for (const at of order) {
      if (values[at] === null) found.push([]);
      else found.at(-1).push(at);
    }
    return found.filter((each) => each.length > 1);
  };

  const MARKS = [
    (x, y) => svg("circle", { cx: x, cy: y, r: 3.6 }),
    (x, y) => svg("rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4 }),
    (x, y) => svg("polygon", { points: written([[x, y - 4.4], [x + 4, y + 3], [x - 4, y + 3]]) }),
    (x, y) => svg("polygon", { points: written([[x, y - 4.6], [x + 4.6, y], [x, y + 4.6], [x - 4.6, y]]) }),
    (x, y) => svg("polygon", { points: written([[x, y + 4.4], [x + 4, y - 3], [x - 4, y - 3]]) }),
    (x, y) => svg("path", { d: `M${x - 4} ${y}H${x + 4}M${x} ${y - 4}V${y + 4}` }),
    (x, y) => svg("path", { d: `M${x - 3.4} ${y - 3.4}L${x + 3.4} ${y + 3.4}M${x - 3.4} ${y + 3.4}L${x + 3.4} ${y - 3.4}` }),
  ];

  const outline = (model, number, axes) =>
    svg(
      "g",
      { class: `series outline s${number}` },
      lines(model.values).map((run) => svg("polyline", { points: written(run.map((at) => place(model.values[at], at, axes.length))) })),
      model.values.map((value, at) => {
        if (value === null) return null;
        const mark = MARKS[number](...place(value, at, axes.length));
        mark.append(svg("title", null, `${model.name}, ${axes[at]}: ${percent(value)} %`));
        return mark;
      }),
    );

  const label = (name, at, axes) => {
    const [x, y] = place(1, at, axes, AWAY);
    const anchor = Math.abs(x - CENTRE[0]) < 8 ? "middle" : x > CENTRE[0] ? "start" : "end";
    return svg("text", { class: "axis-name", x, y: y + 4, "text-anchor": anchor }, name.length > 17 ? `${name.slice(0, 16)}…` : name, svg("title", null, name));
  };

  const plot = (radar) => {
    const { axes, models, most } = radar;
    const ring = (share) => svg("polygon", { class: "ring", points: written(axes.map((_, at) => place(share, at, axes.length))) });
    const told = models.map((model) => `${model.name}: ${axes.map((axis, at) => `${axis} ${percent(model.values[at])}`).join(", ")}`);
    return svg(
      "svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "plot-svg radar", role: "img", "aria-label": `${radar.what}, percent. ${told.join("; ")}` },
      RINGS.map(ring),
      axes.map((_, at) => {
        const [x2, y2] = place(1, at, axes.length);
        return svg("line", { class: "grid", x1: CENTRE[0], y1: CENTRE[1], x2, y2 });
      }),
      axes.map((name, at) => label(name, at, axes.length)),
      models.slice(0, most).map((model, number) => outline(model, number, axes)),
      [0, ...RINGS].map((share) => svg("text", { class: "tick", x: CENTRE[0] - 4, y: place(share, 0, axes.length)[1] + 3.5, "text-anchor": "end" }, String(100 * share))),
    );
  };

  const key = (models) =>
    h(
      "p",
      { class: "key" },
      models.map(({ name }, number) =>
        h("span", null, svg("svg", { class: `sign series s${number}`, viewBox: "-11 -6 22 12", "aria-hidden": "true" }, svg("line", { x1: -11, x2: 11, y1: 0, y2: 0 }), MARKS[number](0, 0)), name),
      ),
    );

  const table = ({ axes, models, what }) => {
    const cell = (model, at) => {
      const range = model.intervals[at];
      return h("td", { class: "num" }, percent(model.values[at]), range ? h("small", { class: "ci" }, ` ${percent(range[0])}–${percent(range[1])}`) : null);
    };
    return h(
      "table",
      { class: "small" },
      h("caption", null, `${what}, percent${page.summary.resamples ? ", with 95 % intervals" : ""}`),
      h("thead", null, h("tr", null, h("td"), models.map((model) => h("th", { scope: "col", class: "num" }, model.name)))),
      h("tbody", null, axes.map((axis, at) => h("tr", null, h("th", { scope: "row" }, axis), models.map((model) => cell(model, at))))),
    );
  };

  page.drawRadar = () => {
    const radar = page.summary.radars[page.scope];
    if (!radar) return page.section("radar", null);
    if (radar.refusal) {
      const more = page.scope === "*" ? " Choose a dataset at the top of this page to see its labels." : "";
      return page.section("radar", h("p", { class: "about" }, `${radar.refusal}${more}`));
    }
    const note = "Every axis goes from 0 in the middle to 100 percent. Read the corners: the area of an outline means nothing, and changes with the order of the axes.";
    return page.section(
      "radar",
      h("p", { class: "about" }, `${radar.what}. ${note}`),
      key(radar.models.slice(0, radar.most)),
      h("div", { class: "wide" }, h("figure", { class: "web" }, plot(radar))),
      radar.notes.map((each) => h("p", { class: "about" }, `${each}.`)),
      h("div", { class: "wide" }, table(radar)),
    );
  };
})((globalThis.unifer ??= {}));
