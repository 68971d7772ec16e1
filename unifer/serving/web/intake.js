// Where photos come from: files, drops, the clipboard, the camera, samples. And how they are to be read.
"use strict";
((page) => {
  const { h } = page;

  const photoOf = (blob, name) => ({ blob, name, url: URL.createObjectURL(blob), boxes: [], whole: false });

  page.problem = (line) => page.fill(page.at("problem"), line ?? "");
  page.status = (line) => page.fill(page.at("status"), line ?? "");

  const take = (blob, name) => {
    if (!blob.type.startsWith("image/") && blob.type !== "") return page.problem(`${name} is not a photo (${blob.type}); a JPEG or PNG file is one.`);
    if (blob.size > page.about.limits.bytes) return page.problem(`${name} is too large: at most ${page.about.limits.bytes / 1e6} MB are taken; choose a smaller copy.`);
    return page.open(photoOf(blob, name));
  };

  const ofSample = async (sample) => {
    const blob = await (await fetch(`/samples/${sample.name}`)).blob();
    // Drawn faces are crops already, and no detector of photographs finds them.
    page.open({ ...photoOf(blob, sample.name), boxes: sample.boxes.map((box) => ({ box })), whole: !sample.boxes.length });
  };

  page.camera = async () => {
    page.problem();
    try {
      const blob = await page.takePhoto();
      if (blob) page.open(photoOf(blob, "camera.jpg"));
    } catch (error) {
      if (!(error instanceof page.Refused)) throw error;
      page.problem(error.message);
    }
  };

  const select = (id, label, options, chosen) => [
    h("label", { for: id }, label, " ", h("select", { id }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)))),
    " ",
  ];

  // What the controls say: the detector (null: the server's), the votes, the models to ask.
  page.wanted = () => ({
    detector: page.at("detector").value || null,
    votes: Number(page.at("votes").value),
    models: page.at("models") ? (page.at("models").value === "*" ? Object.keys(page.about.models) : [page.at("models").value]) : Object.keys(page.about.models),
  });

  const options = () => {
    const { about } = page;
    const names = Object.keys(about.models);
    // Its own detector the server need not be told.
    const find = about.detector === "whole" ? "cascade" : "";
    const votes = [...new Set([1, 2, 4, 8, 16, about.votes])].filter((count) => count <= about.limits.votes).sort((one, other) => one - other);
    page.fill(
      page.at("options"),
      select("detector", "Faces", [[find, "find them"], ["whole", "the photo is one face"]], about.detector === "whole" ? "whole" : find),
      select("votes", "Replies per face", votes.map((count) => [count, count === 1 ? "1 (no votes)" : `${count} votes`]), about.votes),
      names.length > 1 && select("models", "Models", [["*", "side by side"], ...names.map((name) => [name, name])], "*"),
    );
  };

  const dropping = (drop) => {
    const over = (event) => {
      event.preventDefault();
      drop.classList.toggle("over", event.type === "dragover");
    };
    for (const name of ["dragover", "dragleave"]) document.addEventListener(name, over);
    document.addEventListener("drop", (event) => {
      over(event);
      const [file] = event.dataTransfer.files;
      if (file) take(file, file.name);
      else page.problem("What was dropped is not a file; save the picture first, then drop that.");
    });
  };

  page.startIntake = () => {
    options();
    dropping(page.at("drop"));
    const file = page.at("file");
    page.at("choose").addEventListener("click", () => file.click());
    page.at("camera-button").addEventListener("click", page.camera);
    file.addEventListener("change", () => {
      if (file.files[0]) take(file.files[0], file.files[0].name);
      file.value = "";
    });
    document.addEventListener("paste", (event) => {
      const found = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
      if (found) take(found, "pasted.png");
      else if (!event.target.matches("input")) page.problem("The clipboard holds no picture.");
    });
    page.fill(
      page.at("samples"),
      page.about.samples.map((sample, at) =>
        h("button", { type: "button", title: `${sample.caption} (${at + 1})`, onclick: () => ofSample(sample) }, h("img", { src: `/samples/${sample.name}`, alt: sample.caption, loading: "lazy" })),
      ),
    );
  };
  page.sample = (at) => page.about.samples[at] && ofSample(page.about.samples[at]);
})((globalThis.unifer ??= {}));
