// Tables that sort by a click on a heading, published lines that hide, and the colours of the report. Without it the page is whole.
"use strict";
(() => {
  const THEMES = ["", "dark", "light"];
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);

  const setTheme = (name) => {
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    at("theme").setAttribute("aria-label", `Colours: ${name || "as the system has them"}`);
  };
  const remembered = () => {
    try {
      return localStorage.getItem("unifer-theme") ?? "";
    } catch {
      return "";
    }
  };
  at("theme").hidden = false;
  setTheme(THEMES.includes(remembered()) ? remembered() : "");
  at("theme").addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length]);
    try {
      localStorage.setItem("unifer-theme", root.dataset.theme ?? "");
    } catch {
      // No storage for this page: the choice lasts as long as the page.
    }
  });

  if (document.querySelector("tr.published")) {
    at("told-label").hidden = false;
    const show = () => document.body.classList.toggle("no-published", !at("told").checked);
    at("told").addEventListener("change", show);
    show();
  }

  // Lines without a value stay last in either direction, and equal ones keep their order.
  const sort = (heading) => {
    const table = heading.closest("table");
    const column = [...heading.parentNode.children].indexOf(heading);
    const values = [...table.tBodies[0].rows].map((row) => [row, row.cells[column].dataset.value ?? ""]);
    const numbers = values.every(([, value]) => value === "" || !Number.isNaN(Number(value)));
    const before = heading.getAttribute("aria-sort");
    const first = numbers && heading.classList.contains("num") ? "descending" : "ascending";
    const order = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    const compared = (one, other) => (numbers ? Number(one) - Number(other) : one < other ? -1 : Number(one > other));
    values.sort(([, one], [, other]) => Number(one === "") - Number(other === "") || sign * compared(one, other));
    for (const each of heading.parentNode.children) if (each.hasAttribute("aria-sort")) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", order);
    table.tBodies[0].append(...values.map(([row]) => row));
    at("status").textContent = `Sorted by ${heading.textContent}, ${order}`;
  };
  for (const button of document.querySelectorAll(".sort")) button.addEventListener("click", () => sort(button.closest("th")));
})();
