// Elements, text and numbers. Every text on the page goes through `plain` into a text node: replies, names and notes are data.
"use strict";
((page) => {
  const SVG = "http://www.w3.org/2000/svg";
  // Controls, bidi controls, invisible characters, lone halves of a surrogate pair, tags: what could hide or reorder text.
  const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

  const shown = (char) => {
    const code = char.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  };

  page.plain = (text) => String(text).replace(ODD, shown);

  const put = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
      else if (name === "value") element.value = value;
      else element.setAttribute(name, value === true ? "" : page.plain(value));
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      element.append(child instanceof Node ? child : document.createTextNode(page.plain(child)));
    }
    return element;
  };

  page.h = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
  page.svg = (tag, attributes, ...children) => put(document.createElementNS(SVG, tag), attributes, children);
  page.at = (id) => document.getElementById(id);
  page.fill = (element, ...children) => {
    element.replaceChildren();
    return put(element, null, children);
  };

  page.percent = (value, digits = 1) => (value === null || value === undefined ? "–" : (100 * value).toFixed(digits));
  page.count = (value) => value.toLocaleString("en-US");
  page.short = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e4 || size < 1e-3) return value.toExponential(1).replace(".0e", "e").replace("e+", "e").replaceAll("-", "\u2212");
    return String(Number(value.toPrecision(3))).replace("-", "\u2212");
  };
  page.signed = (value, digits = 1) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;
  page.outcome = (name) => name.replace("_", "-").replace("off-list", "off the list").replace("no-answer", "no answer");

  // Shows a section and fills what stands below its heading.
  page.section = (id, ...children) => {
    const section = page.at(id);
    section.hidden = children.flat(Infinity).every((child) => !child);
    page.fill(section.querySelector(":scope > div"), children);
  };

  // A choice of one among few, as buttons side by side: a radio group, so arrow keys move in it.
  page.choice = (name, label, options, chosen, pick) =>
    page.h(
      "fieldset",
      { class: "choice" },
      page.h("legend", { class: "unseen" }, label),
      options.map(([value, text]) =>
        page.h(
          "label",
          null,
          page.h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => pick(value) }),
          page.h("span", null, text),
        ),
      ),
    );

  // Bytes of a base64 text: at once where the browser can, else from `atob`, which gives one character a byte.
  page.bytes = (text) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
    return bytes;
  };

  page.unzipped = async (text) => {
    const stream = new Blob([page.bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  };
})((globalThis.unifer ??= {}));
