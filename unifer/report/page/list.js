// A list of which only the rows in view are elements: 22,000 questions cost as much as forty.
"use strict";
((page) => {
  const { h } = page;
  const SPARE = 6;

  class List {
    // `draw(number)` gives what stands in the row of item `number`; `pick(place)` hears of a click.
    constructor(box, draw, pick) {
      this.box = box;
      this.draw = draw;
      this.items = [];
      this.place = -1;
      this.rows = new Map();
      this.space = h("div", { class: "space", role: "presentation" });
      box.replaceChildren(this.space);
      box.addEventListener("scroll", () => requestAnimationFrame(() => this.render()), { passive: true });
      box.addEventListener("click", (event) => {
        const row = event.target.closest("[data-place]");
        if (row) pick(Number(row.dataset.place));
      });
      new ResizeObserver(() => this.render()).observe(box);
    }

    get height() {
      return (this.rowHeight ??= parseFloat(getComputedStyle(this.box).getPropertyValue("--row")) || 56);
    }

    show(items) {
      this.items = items;
      this.place = -1;
      this.space.style.height = `${items.length * this.height}px`;
      this.clear();
      this.render();
    }

    clear() {
      for (const row of this.rows.values()) row.remove();
      this.rows.clear();
    }

    select(place) {
      this.rows.get(this.place)?.setAttribute("aria-selected", "false");
      this.place = place;
      const [top, shown] = [place * this.height, this.box.clientHeight];
      const [above, below] = [this.box.scrollTop - top, top + this.height - this.box.scrollTop - shown];
      // A row just out of view scrolls in; one far away comes to the middle.
      if (Math.max(above, below) > 2 * this.height) this.box.scrollTop = top - (shown - this.height) / 2;
      else if (above > 0) this.box.scrollTop -= above;
      else if (below > 0) this.box.scrollTop += below;
      this.render();
      const row = this.rows.get(place);
      row?.setAttribute("aria-selected", "true");
      if (row) this.box.setAttribute("aria-activedescendant", row.id);
      else this.box.removeAttribute("aria-activedescendant");
    }

    get page() {
      return Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
    }

    render() {
      const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - SPARE);
      const last = Math.min(this.items.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + SPARE);
      for (const [place, row] of this.rows) {
        if ((place < first || place >= last) && place !== this.place) {
          row.remove();
          this.rows.delete(place);
        }
      }
      const made = document.createDocumentFragment();
      const wanted = Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at);
      if (this.place >= 0) wanted.push(this.place);
      for (const place of wanted) if (!this.rows.has(place)) made.append(this.#row(place));
      this.space.append(made);
    }

    #row(place) {
      const row = h(
        "div",
        {
          class: "row",
          role: "option",
          id: `row-${place}`,
          "data-place": place,
          "aria-selected": place === this.place ? "true" : "false",
          "aria-setsize": this.items.length,
          "aria-posinset": place + 1,
          style: { top: `${place * this.height}px` },
        },
        this.draw(this.items[place]),
      );
      this.rows.set(place, row);
      return row;
    }
  }

  page.List = List;
})((globalThis.unifer ??= {}));
