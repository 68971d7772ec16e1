// A photo, or the part of it around a face, with boxes to choose or regions drawn on it.
"use strict";
((page) => {
  const { h, svg } = page;
  const AROUND = 0.35;

  // The part to show: [left, top, width, height] in pixels of the photo.
  page.around = (box, width, height) => {
    if (!box) return [0, 0, width, height];
    const margin = AROUND * Math.max(box[2] - box[0], box[3] - box[1]);
    const left = Math.max(0, box[0] - margin);
    const top = Math.max(0, box[1] - margin);
    return [left, top, Math.min(width, box[2] + margin) - left, Math.min(height, box[3] + margin) - top];
  };

  const percent = (part, whole) => `${(100 * part) / whole}%`;

  // The photo cut to `part`; `over` lies on it. `size` is the photo's [width, height].
  page.view = (photo, part, size, alt, ...over) => {
    const [left, top, width, height] = part;
    const broken = () => view.classList.add("blank");
    const picture = h("img", {
      src: photo.url,
      alt,
      onerror: broken,
      style: { width: percent(size[0], width), height: percent(size[1], height), left: percent(-left, width), top: percent(-top, height) },
    });
    const view = h("div", { class: "view", style: { "aspect-ratio": `${width} / ${height}`, "--shape": width / height } }, picture, over);
    return view;
  };

  // A button on each face: it reads the face, or shows its answer.
  page.boxes = (faces, part, label, chosen, pick) =>
    faces.map((face, at) => {
      const [left, top, right, bottom] = face.box;
      return h(
        "button",
        {
          type: "button",
          class: "box",
          "aria-pressed": String(at === chosen),
          "aria-label": `Face ${at + 1} of ${faces.length}: ${label(at) ?? "read it"}`,
          onclick: () => pick(at),
          style: {
            left: percent(left - part[0], part[2]),
            top: percent(top - part[1], part[3]),
            width: percent(right - left, part[2]),
            height: percent(bottom - top, part[3]),
          },
        },
        h("span", { "aria-hidden": "true" }, label(at) ?? `${at + 1}`),
      );
    });

  // The regions of the Action Units that a reading claims, as ellipses with their numbers.
  page.regions = (claims, marks, part) => {
    if (!marks) return null;
    const units = Map.groupBy(claims.filter((claim) => claim.region), (claim) => claim.region);
    const drawn = Object.entries(marks.regions)
      .filter(([name]) => units.has(name))
      .map(([name, [x, y, across, down, angle]]) => {
        const names = units.get(name).map((claim) => `AU${claim.number}`);
        const said = units.get(name).map((claim) => `AU${claim.number} ${claim.name}`).join(", ");
        return svg(
          "g",
          { class: "region", "data-region": name, tabindex: 0, role: "img", "aria-label": `${name}: ${said}`, style: { "--c": page.about.colours[name] } },
          svg("title", null, `${name}: ${said}`),
          svg("ellipse", { cx: x, cy: y, rx: across, ry: down, transform: `rotate(${angle} ${x} ${y})` }),
          svg("text", { x: x + across * 0.96, y, "font-size": part[3] / 24, "text-anchor": "end", "dominant-baseline": "middle" }, names.join(" ")),
        );
      });
    return svg("svg", { class: "over", viewBox: part.join(" "), "aria-label": "Action Units on the face" }, drawn);
  };
})((globalThis.unifer ??= {}));
