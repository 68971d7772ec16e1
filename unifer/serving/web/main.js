// The course of a reading: a photo comes in, its faces are looked for, one or all are chosen, every model answers.
"use strict";
((page) => {
  const { h } = page;
  page.about = JSON.parse(page.at("about-data").textContent);
  page.entry = null;
  let asking = new AbortController();

  const busy = (what) => (seconds) => page.status(`The server is busy; ${what} again in ${seconds} s.`);

  // What is known of a face: model -> { answer, reading, marks }, or { error }.
  const ofFace = (entry, at) =>
    [...entry.answers].map(([model, answer]) => {
      if (answer.error) return [model, answer];
      const place = answer.readings.findIndex((reading) => (reading.face ? reading.index : 0) === at);
      return [model, place < 0 ? null : { answer: answer.all.at(-1), reading: answer.readings[place], marks: answer.marks[place] }];
    });

  const labelOf = (entry) => (at) => {
    const said = ofFace(entry, at).filter(([, each]) => each?.reading).map(([, each]) => page.headline(each.reading));
    return said.length ? [...new Set(said)].join(" / ") : null;
  };

  const drawPhoto = (entry) => {
    const several = entry.faces.length > 1;
    if (!several) return page.section("photo");
    const part = [0, 0, entry.width, entry.height];
    const unread = entry.faces.some((_, at) => !labelOf(entry)(at));
    const within = entry.faces.length <= page.about.limits.faces;
    return page.section("photo", [
      h("p", { id: "choose-face" }, `${entry.faces.length} faces: choose one`, unread && within ? [", or ", h("button", { type: "button", class: "main", id: "all", onclick: () => read(entry, null) }, `read all ${entry.faces.length} `, h("kbd", null, "a"))] : "."),
      page.view(entry.photo, part, [entry.width, entry.height], entry.photo.name, page.boxes(entry.faces, part, labelOf(entry), entry.chosen, (at) => choose(entry, at))),
    ]);
  };

  const drawAnswer = (entry) => {
    if (!entry.answers.size) return page.section("answer");
    const cards = ofFace(entry, entry.chosen ?? 0)
      .filter(([, each]) => each)
      .map(([model, each]) => (each.error ? page.refusedCard(model, each.error) : page.card(entry.photo, each.answer, each.reading, each.marks)));
    if (!cards.length) return page.section("answer");
    const several = entry.faces.length > 1;
    return page.section("answer", [
      h("header", { class: "over-cards" }, h("h2", null, several ? `Face ${entry.chosen + 1} of ${entry.faces.length}` : "What it looks like"), h("button", { type: "button", id: "save", onclick: page.save }, "Save as JSON ", h("kbd", null, "s"))),
      h("div", { class: "cards" }, cards),
    ]);
  };

  page.show = (entry) => {
    page.entry = entry;
    page.problem();
    if (entry) {
      drawPhoto(entry);
      drawAnswer(entry);
    } else for (const id of ["photo", "answer"]) page.section(id);
    page.drawVisit();
  };

  // Boxes are drawn anew with what is known of them; who came by keyboard stays where they were.
  const focusBox = (at) => page.at("photo").querySelectorAll(".box")[at]?.focus({ preventScroll: true });

  const choose = (entry, at) => {
    entry.chosen = at;
    if (labelOf(entry)(at)) {
      page.show(entry);
      focusBox(at);
    } else read(entry, [at]);
  };

  page.nextFace = () => {
    const { entry } = page;
    if (entry?.faces.length > 1) choose(entry, ((entry.chosen ?? -1) + 1) % entry.faces.length);
  };
  page.readAll = () => page.at("all")?.click();

  // What the request says about the faces: their boxes where the page knows them, else their numbers.
  const which = (entry, faces) => {
    if (entry.photo.boxes.length) return { boxes: (faces ?? [...entry.faces.keys()]).map((at) => entry.photo.boxes[at].box) };
    return { detector: entry.detector, which: "all", faces: entry.faces.length > 1 ? faces : null };
  };

  const merged = (entry, model, answer, faces) => {
    // Boxes are counted anew by each request; the page counts them by the photo.
    const order = faces ?? [...entry.faces.keys()];
    if (entry.photo.boxes.length) answer.readings.forEach((reading, place) => (reading.index = order[place] ?? reading.index));
    const before = entry.answers.get(model);
    const old = before?.readings ?? [];
    const fresh = new Set(answer.readings.map((reading) => reading.index));
    const rest = old.map((reading, at) => [reading, before.marks[at]]).filter(([reading]) => !fresh.has(reading.index));
    entry.answers.set(model, {
      readings: [...rest.map(([reading]) => reading), ...answer.readings],
      marks: [...rest.map(([, marks]) => marks), ...answer.marks],
      all: [...(before?.all ?? []), answer],
    });
  };

  const read = async (entry, faces) => {
    const { votes, models } = page.wanted();
    const { signal } = asking;
    const problems = new Set();
    page.problem();
    page.status("Reading…");
    page.at("main").setAttribute("aria-busy", "true");
    await Promise.all(
      models.map(async (model) => {
        const fields = { file: entry.photo.blob, name: entry.photo.name, model, votes, ...which(entry, faces) };
        try {
          merged(entry, model, await page.ask("/v1/read", fields, signal, busy("asking")), faces);
        } catch (error) {
          if (!(error instanceof page.Refused)) throw error;
          problems.add(error.message);
          if (!entry.answers.has(model)) entry.answers.set(model, { error: error.message });
        }
      }),
    ).catch((error) => {
      if (error.name !== "AbortError") throw error;
    });
    if (signal.aborted) return;
    // In the order of the list, whoever answered first.
    const names = Object.keys(page.about.models);
    entry.answers = new Map([...entry.answers].sort(([a], [b]) => names.indexOf(a) - names.indexOf(b)));
    page.at("main").removeAttribute("aria-busy");
    if ([...entry.answers.values()].every((answer) => answer.error)) {
      entry.answers.clear();
      page.status();
      page.problem([...problems].join(" "));
      return;
    }
    entry.chosen ??= entry.faces.length > 1 ? (faces?.[0] ?? 0) : null;
    page.remember(entry);
    page.show(entry);
    page.problem([...problems].join(" "));
    if (entry.faces.length > 1) focusBox(entry.chosen);
    const said = labelOf(entry)(entry.chosen ?? 0);
    page.status(said ? `Answer: ${said}.` : "");
    page.at("answer").scrollIntoView({ block: "nearest" });
  };

  // Finds the faces of a photo; one is read at once, several are offered.
  page.open = async (photo) => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const detector = photo.whole ? "whole" : page.wanted().detector;
    const entry = { photo, detector, faces: photo.boxes, width: 0, height: 0, chosen: null, answers: new Map() };
    page.show(null);
    page.status("Looking for faces…");
    try {
      if (photo.boxes.length || detector === "whole") Object.assign(entry, await sizeOf(photo));
      else {
        const found = await page.ask("/v1/faces", { file: photo.blob, name: photo.name, detector }, signal, busy("looking"));
        Object.assign(entry, { width: found.width, height: found.height, faces: found.faces });
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof page.Refused)) throw error;
      page.status();
      page.problem(error.message);
      return;
    }
    if (signal.aborted) return;
    page.entry = entry;
    if (entry.faces.length > 1) {
      page.show(entry);
      page.status(`${entry.faces.length} faces found.`);
      page.at("photo").querySelector(".box")?.focus();
    } else await read(entry, null);
  };

  const sizeOf = async (photo) => {
    const picture = new Image();
    picture.src = photo.url;
    await picture.decode().catch(() => null);
    return { width: picture.naturalWidth || 1, height: picture.naturalHeight || 1 };
  };

  const KEYS = { o: () => page.at("choose").click(), c: page.camera, a: page.readAll, f: page.nextFace, s: page.save, t: page.turnTheme, "?": () => page.at("help").showModal() };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    const act = KEYS[event.key] ?? (/^[1-9]$/.test(event.key) ? () => page.sample(Number(event.key) - 1) : null);
    if (!act) return;
    event.preventDefault();
    act();
  });

  page.startTheme();
  page.startHelp(
    [["o", "choose a photo"], ["c", "camera"], ["1 … 9", "sample faces"], ["a", "read all faces"], ["f", "next face"], ["s", "save the answer as JSON"], ["t", "colours"], ["Tab", "through faces, Action Units and words: what belongs together lights up"]],
    "Photos go to this server alone and are not stored.",
  );
  const warnings = [...new Set(Object.values(page.about.models).flat())];
  page.fill(page.at("warnings"), warnings.map((line) => h("p", { class: "beware" }, `${line}.`)));
  page.startIntake();
  // Milliseconds until everything could be clicked, for whoever measures it.
  document.documentElement.dataset.ready = Math.round(performance.now());
})((globalThis.unifer ??= {}));
