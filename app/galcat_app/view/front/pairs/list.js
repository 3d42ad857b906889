// The list of pairs: both surveys' pictures side by side, or a table; filters, order, pages, keys.

const VIEWS = { pictures: "Pictures", table: "Table" };
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
    this.pick = (row, event, how) => this.send({ kind: "focus", row, how: how && !event.shiftKey ? how : howOf(event) });
    el.classList.add("galcat", "g-panel", "g-pairs-list", "g-here");
    this.build(el);
    const on = (name, callback) => model.on(`change:${name}`, callback);
    on("pictures", () => this.fill());
    on("content", () => this.fill());
    on("columns", () => this.setColumns());
    on("focus", () => { const held = this.held(); this.mark(); this.hold(held); });
    on("selected", () => this.fillSelected());
    model.on("msg:custom", (message) => {
      if (message.kind === "choices") this.filterMenu.offer(message);
    });
    this.keys = (event) => this.typed(event);
    this.released = (event) => { if (event.key === " " && this.spaced) { this.spaced = false; event.preventDefault(); } };
    document.addEventListener("keydown", this.keys, true);
    document.addEventListener("keyup", this.released, true);
    this.ended = onTheme(() => this.fill());
    this.setColumns();
  }

  dispose() {
    document.removeEventListener("keydown", this.keys, true);
    document.removeEventListener("keyup", this.released, true);
    this.ended();
  }

  send(message) { this.model.send(message); }

  // ---- what is there ------------------------------------------------------------------------

  build(el) {
    const views = segments("Show as", VIEWS, this.view, (key) => { this.view = key; this.fill(); });
    this.title = h("h2.g-title", { "aria-live": "polite" });
    this.every = h("input.g-tick", { type: "checkbox", onclick: () => this.send({ kind: this.selected.count ? "select none" : "select all" }) });
    this.bar = new SelectionBar((message) => this.send(message));
    this.undo = h("button.g-button.g-quiet", { onclick: () => this.send({ kind: "undo" }) }, icon("M4 8h8a4 4 0 0 1 0 8H8M7 4L3.5 8 7 12"), "Undo");
    this.redo = h("button.g-button.g-quiet.g-square", { "aria-label": "Redo", onclick: () => this.send({ kind: "redo" }) }, icon("M16 8H8a4 4 0 0 0 0 8h4M13 4l3.5 4L13 12"));
    this.filterMenu = new FilterMenu((message) => this.send(message));
    this.columnMenu = new ColumnMenu((keys) => this.send({ kind: "columns", keys }));
    const sortId = uniqueId();
    this.sort = h("select.g-select.g-pairs-sort", { id: sortId, onchange: (e) => this.send({ kind: "sort", key: e.target.value, descending: false }) });
    this.turn = h("button.g-button.g-square", { onclick: () => this.send({ kind: "sort", key: this.sort.value, descending: !this.content.descending }) });
    this.chips = h("div.g-chips", { role: "group", "aria-label": "What the list is narrowed down by" });
    this.body = h("div.g-body", { tabindex: "0", role: "region", "aria-label": "Pairs. Arrow keys look at the next pair, with Shift they select, the space bar selects one, Control A all. Page Up and Page Down turn the page.",
      onmousedown: (e) => { if (e.shiftKey) e.preventDefault(); } }); // no text is marked from one pair to another
    this.exporter = exportMenu((message) => this.send(message));
    this.pager = this.buildPager();
    el.append(
      h("div.g-toolbar", {}, this.every, this.title, h("span.g-gap"), this.columnMenu.box, views),
      h("div.g-toolbar.g-second", {}, this.filterMenu.box, this.chips,
        h("span.g-pairs-order", {}, h("label.g-label", { for: sortId }, "Sort by"), this.sort, this.turn)),
      h("div.g-list-body", {}, this.body, this.bar.box), this.bar.told,
      h("div.g-toolbar.g-foot", {}, keysMenu(), this.exporter.box, this.undo, this.redo, h("span.g-gap"), ...this.pager));
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

  get selected() { return this.model.get("selected"); }

  setColumns() {
    const groups = this.model.get("columns");
    this.filterMenu.setColumns(groups);
    this.columnMenu.setColumns(groups);
    this.sort.replaceChildren(...columnOptions(groups));
    if (this.content.sort) this.sort.value = this.content.sort;
  }

  takePictures() {
    const pictures = this.model.get("pictures");
    if (pictures === this.taken) return; // content and pictures come together, in either order
    this.taken = pictures;
    this.images = new Map();
    for (const [row, pair] of Object.entries(pictures)) {
      this.images.set(Number(row), pair);
    }
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
    this.page.value = content.page + 1;
    this.page.max = content.pages;
    this.pages.textContent = `of ${commas(content.pages)}`;
    this.back.disabled = content.page === 0;
    this.next.disabled = content.page >= content.pages - 1;
    const first = content.cells[0]?.row;
    const turned = first !== this.first;
    this.first = first;
    const made = !content.cells.length ? this.nothing(content)
      : this.view === "pictures" ? asPictures(content, this.images, this.pick)
        : asTable(content, this.images, this.pick, (key, descending) => this.send({ kind: "sort", key, descending }));
    const held = this.held();
    this.body.replaceChildren(made);
    this.hold(held);
    this.body.dataset.view = this.view;
    if (turned) this.body.scrollTop = 0;
    this.mark();
    this.fillSelected();
  }

  /** Show which pairs of the page are selected, and what can be done with all that are. */
  fillSelected() {
    const { count, here, undo, redo } = this.selected;
    const listed = this.content.count ?? 0;
    this.el.classList.toggle("g-some-selected", count > 0);
    this.body.querySelectorAll("[data-tick]").forEach((box) => {
      box.checked = here.includes(Number(box.dataset.tick));
      box.closest("li, tr").classList.toggle("g-selected", box.checked);
    });
    this.every.checked = count > 0 && count === listed;
    this.every.indeterminate = count > 0 && count < listed;
    this.every.disabled = !listed;
    this.every.setAttribute("aria-label", count ? "Select no pair" : `Select all ${commas(listed)} pairs`);
    this.every.title = count ? "Select no pair (Escape)" : `Select all ${commas(listed)} pairs (Ctrl+A)`;
    this.undo.disabled = !undo;
    this.undo.title = undo ? `Undo ${undo} (Ctrl+Z)` : "Nothing to undo";
    this.redo.disabled = !redo;
    this.redo.title = redo ? `Redo ${redo} (Ctrl+Shift+Z)` : "Nothing to redo";
    this.exporter.fill({ reviewed: this.content.reviewed ?? 0, listed, selected: count });
    this.bar.fill(this.selected, listed);
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

  /** Whether a pair's button has the keyboard's focus, which goes with the pair that is looked at. */
  held() { return this.body.contains(document.activeElement) && document.activeElement.dataset.row !== undefined; }

  hold(held) {
    if (held) this.body.querySelector(`button[data-row="${this.model.get("focus")}"]`)?.focus({ preventScroll: true });
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
    if (event.altKey || !this.el.isConnected || !this.mine(event)) return;
    const { key, target } = event;
    const control = event.ctrlKey || event.metaKey;
    const action = control && this.selecting(`${event.shiftKey ? "shift " : ""}${key.toLowerCase()}`)
      || (target.closest?.("[data-own-keys]") ? null : this.stepping(key, event.shiftKey, control) ?? this.ticking(event));
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Whether a key is the list's: pressed in this page, in no field and no open menu. */
  mine({ key, target, ctrlKey, metaKey }) {
    const control = ctrlKey || metaKey;
    const whole = this.el.closest(".g-whole") ?? this.el;
    const free = target === document.body && document.body.dataset.voila !== undefined;
    if (!free && !whole.contains(target)) return false;
    if (target.closest?.(".g-menu[open], select, textarea")) return false;
    if (control) return !target.matches?.("input:not([type=range], [type=checkbox], [type=radio])");
    if (target.type === "radio") return !key.startsWith("Arrow") && key !== " ";
    return !target.matches?.("input") || (target.matches(".g-tick") && key !== " ");
  }

  selecting(key) {
    const kind = { a: "select all", z: "undo", "shift z": "redo", y: "redo" }[key];
    return kind && (() => this.send({ kind }));
  }

  stepping(key, shift, control) {
    const by = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1, ArrowDown: this.across, ArrowUp: -this.across, Home: -this.content.count, End: this.content.count }[key];
    if (by !== undefined && !(control && /^[jk]$/.test(key))) return () => this.send(shift ? { kind: "extend", by } : { kind: "step", by, keep: control });
    const turn = { PageDown: 1, PageUp: -1 }[key];
    return turn && !control ? () => this.send({ kind: "page", page: this.content.page + turn }) : undefined;
  }

  /** Select a pair or no longer; the kernel knows which one is looked at before this page has heard of it. */
  tick(row) {
    const other = row !== undefined && Number(row) !== this.model.get("focus");
    this.send(other ? { kind: "focus", row: Number(row), how: "tick" } : { kind: "tick" });
  }

  /** The space bar selects the pair that is looked at, Escape selects none. */
  ticking({ key, target }) {
    const free = target === document.body || target.matches(".g-body, .g-pair-cell, .g-thumbs");
    if (key === " " && free) return () => { this.spaced = true; this.tick(target.dataset.row); };
    const closer = this.el.closest(".g-whole")?.querySelector(".g-closer");
    return key === "Escape" && this.selected.count && !closer ? () => this.send({ kind: "select none" }) : undefined;
  }
}

const howOf = (event) => {
  const control = event.ctrlKey || event.metaKey;
  return event.shiftKey ? (control ? "add range" : "range") : control ? "toggle" : "alone";
};

export default { render };
