// The list of pairs: both surveys' pictures side by side, or a table; filters, order, pages, keys.

const VIEWS = { pictures: "Pictures", table: "Table" };
const MARK_NAMES = {
  bad_match: () => "bad match",
  bad_left_image: (surveys) => `bad ${surveys.left} image`,
  bad_right_image: (surveys) => `bad ${surveys.right} image`,
};

function render({ model, el }) {
  const view = new PairList(model, el);
  return () => view.dispose();
}

class PairList {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.view = "pictures";
    this.images = new Map();
    el.classList.add("galcat", "g-panel", "g-pairs-list", "g-here");
    this.build(el);
    const on = (name, callback) => model.on(`change:${name}`, callback);
    on("pictures", () => this.fill());
    on("content", () => this.fill());
    on("columns", () => this.setColumns());
    on("focus", () => this.mark());
    model.on("msg:custom", (message) => {
      if (message.kind === "choices") this.filterMenu.offer(message);
    });
    this.keys = (event) => this.typed(event);
    document.addEventListener("keydown", this.keys, true);
    this.ended = onTheme(() => this.fill());
    this.setColumns();
  }

  dispose() {
    document.removeEventListener("keydown", this.keys, true);
    this.ended();
  }

  send(message) { this.model.send(message); }

  // ---- what is there ------------------------------------------------------------------------

  build(el) {
    const views = segments("Show as", VIEWS, this.view, (key) => { this.view = key; this.fill(); });
    this.title = h("h2.g-title", { "aria-live": "polite" });
    this.filterMenu = new FilterMenu((message) => this.send(message));
    this.columnMenu = new ColumnMenu((keys) => this.send({ kind: "columns", keys }));
    const sortId = uniqueId();
    this.sort = h("select.g-select.g-pairs-sort", { id: sortId, onchange: (e) => this.send({ kind: "sort", key: e.target.value, descending: false }) });
    this.turn = h("button.g-button.g-square", { onclick: () => this.send({ kind: "sort", key: this.sort.value, descending: !this.content.descending }) });
    this.chips = h("div.g-chips", { role: "group", "aria-label": "What the list is narrowed down by" });
    this.body = h("div.g-body", { tabindex: "0", role: "region", "aria-label": "Pairs. Arrow keys look at the next pair, Page Up and Page Down turn the page." });
    this.exporter = exportMenu((message) => this.send(message));
    this.pager = this.buildPager();
    el.append(
      h("div.g-toolbar", {}, this.title, h("span.g-gap"), this.columnMenu.box, views),
      h("div.g-toolbar.g-second", {}, this.filterMenu.box, this.chips,
        h("span.g-pairs-order", {}, h("label.g-label", { for: sortId }, "Sort by"), this.sort, this.turn)),
      this.body,
      h("div.g-toolbar.g-foot", {}, keysMenu(), this.exporter.box, h("span.g-gap"), ...this.pager));
    el.addEventListener("focusout", (e) => {
      const menu = e.target.closest?.(".g-menu");
      if (menu && e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
    });
  }

  buildPager() {
    const id = uniqueId();
    const turn = (step) => this.send({ kind: "page", page: this.content.page + step });
    this.back = h("button.g-button.g-square", { "aria-label": "Previous page", title: "Previous page (Page Up)", onclick: () => turn(-1) }, icon("M12 4l-6 6 6 6"));
    this.next = h("button.g-button.g-square", { "aria-label": "Next page", title: "Next page (Page Down)", onclick: () => turn(1) }, icon("M8 4l6 6-6 6"));
    this.page = h("input.g-input.g-page-number", { id, type: "number", min: 1, step: 1, inputmode: "numeric",
      onchange: (e) => this.send({ kind: "page", page: Math.round(Number(e.target.value) || 1) - 1 }) });
    this.pages = h("span.g-number.g-muted");
    return [this.back, h("label.g-unseen", { for: id }, "Page"), this.page, this.pages, this.next];
  }

  get content() { return this.model.get("content"); }

  setColumns() {
    const groups = this.model.get("columns");
    this.filterMenu.setColumns(groups);
    this.columnMenu.setColumns(groups);
    this.sort.replaceChildren(...columnOptions(groups));
    if (this.content.sort) this.sort.value = this.content.sort;
  }

  /** <img> of each picture on the page, made once: a flag does not load them again. */
  takePictures() {
    const pictures = this.model.get("pictures");
    if (pictures === this.taken) return; // content and pictures come together, in either order
    this.taken = pictures;
    this.images = new Map();
    for (const [row, pair] of Object.entries(pictures)) {
      this.images.set(Number(row), pair);
    }
  }

  image(row, side) {
    const one = this.images.get(row)?.[side];
    if (!one?.image) return null;
    one.element ??= picture(one.image, "", { class: "g-sky-picture" });
    return one.element;
  }

  fill() {
    const content = this.content;
    if (content.count === undefined) return;
    this.takePictures();
    const narrowed = content.count !== content.size;
    this.title.replaceChildren("Pairs ", h("span.g-count", {}, narrowed
      ? `${commas(content.count)} of ${commas(content.size)}` : commas(content.size)));
    this.fillChips(content);
    this.sort.value = content.sort;
    const way = content.descending ? "Largest first; sort the other way" : "Smallest first; sort the other way";
    this.turn.setAttribute("aria-label", way);
    this.turn.title = way;
    this.turn.replaceChildren(icon(content.descending ? "M10 4v12M5 11l5 5 5-5" : "M10 16V4M5 9l5-5 5 5"));
    this.filterMenu.setFilters(content.filters);
    this.columnMenu.setChosen(content.chosen);
    this.exporter.fill(content);
    this.page.value = content.page + 1;
    this.page.max = content.pages;
    this.pages.textContent = `of ${commas(content.pages)}`;
    this.back.disabled = content.page === 0;
    this.next.disabled = content.page >= content.pages - 1;
    const first = content.cells[0]?.row;
    const turned = first !== this.first;
    this.first = first;
    const made = !content.cells.length ? this.nothing(content)
      : this.view === "pictures" ? this.asPictures(content) : this.asTable(content);
    this.body.replaceChildren(made);
    this.body.dataset.view = this.view;
    if (turned) this.body.scrollTop = 0;
    this.mark();
  }

  fillChips(content) {
    const chip = (name, text, edit, remove) => h("span.g-chip", {},
      edit ? h("button.g-chip-text", { onclick: edit, title: `${name}: ${text}` }, h("span.g-muted", {}, `${name} `), text)
        : h("span.g-chip-text", {}, h("span.g-muted", {}, `${name} `), text),
      h("button.g-chip-off", { "aria-label": `Take the filter away: ${name}`, onclick: remove }, icon("M6 6l8 8M14 6l-8 8")));
    const chips = content.filters.map((one) => chip(one.name, one.text,
      () => this.filterMenu.open(one.key), () => this.send({ kind: "widen", key: one.key })));
    if (content.drawn !== null) chips.push(chip("Drawn on the sky", commas(content.drawn), null, () => this.send({ kind: "wipe" })));
    if (chips.length > 1) chips.push(h("button.g-link", { onclick: () => this.send({ kind: "clear" }) }, "Clear all"));
    this.chips.replaceChildren(...chips);
  }

  nothing(content) {
    if (!content.size) return h("div.g-nothing", {}, h("p", {}, "The match found no pairs."), h("p.g-muted", {}, "A larger radius may: galcat match sdss.csv.gz des.csv.gz -o pairs.parquet --radius 2"));
    return h("div.g-nothing", {}, h("p", {}, "No pair passes all filters."),
      h("button.g-button", { onclick: () => this.send({ kind: "clear" }) }, "Show all pairs"));
  }

  // ---- pictures and table ---------------------------------------------------------------------

  asPictures(content) {
    return h("ul.g-pair-cells", { "aria-label": `Pairs, page ${content.page + 1} of ${content.pages}` },
      content.cells.map((cell) => {
        const bar = this.images.get(cell.row)?.bar;
        return h("li", {}, h("button.g-pair-cell", {
          "data-row": cell.row, "data-id": cell.ids.left, "data-twin": cell.ids.right,
          "aria-label": describe(cell, content.surveys), onclick: () => this.send({ kind: "focus", row: cell.row }),
        },
        h("span.g-pair-pictures", {}, ["left", "right"].map((side) => frame(this.image(cell.row, side), this.images.get(cell.row)?.[side], bar, cell, side))),
        caption(cell, content)));
      }));
  }

  asTable(content) {
    const heads = content.table.map((column) => {
      const sorted = column.key === content.sort;
      const way = sorted ? (content.descending ? "descending" : "ascending") : null;
      return h("th", { scope: "col", "aria-sort": way, title: column.note || null }, h("button.g-head", {
        onclick: () => this.send({ kind: "sort", key: column.key, descending: sorted && !content.descending }),
      }, column.name, sorted ? h("span", { "aria-hidden": "true" }, content.descending ? " ↓" : " ↑") : null));
    });
    return h("table.g-table.g-pairs-table", {},
      h("caption.g-unseen", {}, `Pairs, page ${content.page + 1} of ${content.pages}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Pair"), heads)),
      h("tbody", {}, content.cells.map((cell) => h("tr", { "data-row": cell.row, "data-id": cell.ids.left, onclick: () => this.send({ kind: "focus", row: cell.row }) },
        h("th", { scope: "row" }, h("button.g-thumbs", { "aria-label": describe(cell, content.surveys), onclick: (e) => { e.stopPropagation(); this.send({ kind: "focus", row: cell.row }); } },
          ["left", "right"].map((side) => h("span.g-thumb", {}, this.image(cell.row, side) ?? h("span.g-none"))))),
        cell.values.map((value, n) => h("td", { class: content.table[n].kind === "number" ? "g-right" : null }, value))))));
  }

  mark() {
    const focus = String(this.model.get("focus"));
    this.body.querySelectorAll("[data-row]").forEach((cell) => {
      const here = cell.dataset.row === focus;
      cell.classList.toggle("g-current", here);
      if (cell.matches("button")) cell.setAttribute("aria-pressed", here);
      if (here) {
        const [box, around] = [cell.getBoundingClientRect(), this.body.getBoundingClientRect()];
        if (box.top < around.top) this.body.scrollTop += box.top - around.top - 8;
        else if (box.bottom > around.bottom) this.body.scrollTop += box.bottom - around.bottom + 8;
      }
    });
  }

  // ---- keys -----------------------------------------------------------------------------------

  /** How many pairs stand side by side. */
  get across() {
    if (this.view === "table") return 1;
    const tops = [...this.body.querySelectorAll(".g-pair-cell")].map((cell) => Math.round(cell.getBoundingClientRect().top));
    return Math.max(tops.filter((top) => top === tops[0]).length, 1);
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.el.isConnected) return;
    const whole = this.el.closest(".g-whole") ?? this.el;
    const target = event.target;
    const free = target === document.body && document.body.dataset.voila !== undefined;
    if (!free && !whole.contains(target)) return;
    if (target.closest?.("input, select, textarea, [data-own-keys], .g-menu[open]") && target.type !== "radio") return;
    if (target.type === "radio" && event.key.startsWith("Arrow")) return;
    const step = (by) => () => this.send({ kind: "step", by });
    const turn = (by) => () => this.send({ kind: "page", page: this.content.page + by });
    const action = {
      ArrowRight: step(1), j: step(1), ArrowLeft: step(-1), k: step(-1),
      ArrowDown: step(this.across), ArrowUp: step(-this.across),
      PageDown: turn(1), PageUp: turn(-1), Home: step(-this.content.count), End: step(this.content.count),
    }[event.key];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }
}

function describe(cell, surveys) {
  const marks = cell.marks.map((mark) => MARK_NAMES[mark](surveys));
  return [`${surveys.left} ${cell.ids.left} and ${surveys.right} ${cell.ids.right}`,
    `${cell.separation.replace("″", " arcseconds")} apart`, cell.newLabel ?? cell.label, ...marks].filter(Boolean).join(", ");
}

/** A picture in a frame that is as wide as the wider of the two: both have one angular scale. */
function frame(image, one, bar, cell, side) {
  const bad = cell.marks.includes(`bad_${side}_image`);
  return h(`span.g-pair-frame${bad ? ".g-bad" : ""}`, {},
    image ? h("span.g-pair-picture", { style: `width:${(100 * one.share).toFixed(2)}%` }, image) : h("span.g-none", {}, one?.why ?? ""),
    h("span.g-survey", {}, one?.survey ?? ""),
    image && bar ? h("span.g-scale", { style: `width:${(100 * bar.fraction).toFixed(2)}%` }, side === "left" ? `${bar.arcsec}″` : "") : null);
}

function caption(cell, content) {
  const theme = document.documentElement.dataset.galcatTheme ?? "light";
  const ramp = content.ramp[theme];
  const chance = (told) => (told ? h("span.g-chance", { title: `${told.predicted}: probability of ${told.positive} ${told.p.toFixed(3)}` },
    h("span.g-dot", { style: `background:${ramp[Math.round(told.p * (ramp.length - 1))]}` }), told.p.toFixed(2)) : h("span.g-chance.g-muted", {}, "–"));
  const label = cell.newLabel ? [h("s", {}, cell.label ?? "–"), " ", h("strong", {}, cell.newLabel)] : cell.label ?? "no label";
  return h("span.g-pair-caption", { "aria-hidden": "true" },
    h("span.g-pair-line", {}, h("span.g-number", {}, cell.separation), h("span.g-pair-label", {}, label), marksOf(cell, content.surveys)),
    cell.p.left || cell.p.right ? h("span.g-pair-line.g-chances", {}, chance(cell.p.left), chance(cell.p.right)) : null);
}

function marksOf(cell, surveys) {
  if (!cell.reviewed) return null;
  if (!cell.marks.length) return h("span.g-mark-good", { title: "Reviewed" }, icon("M4 10.5l4 4 8-9"));
  return h("span.g-mark-bad", { title: cell.marks.map((mark) => MARK_NAMES[mark](surveys)).join(", ") },
    icon("M5 17V4M5 4h10l-2.5 3.5L15 11H5"));
}

export default { render };
