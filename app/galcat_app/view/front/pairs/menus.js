// The menus of the list of pairs: filter by any column, columns of the table, export, keys.

function columnOptions(groups, only = () => true) {
  return groups.map(({ name, columns }) => [name, columns.filter(only)]).filter(([, columns]) => columns.length)
    .map(([name, columns]) => h("optgroup", { label: name }, columns.map((column) => h("option", { value: column.key }, column.name))));
}

/** One condition on one column: a range of numbers, words to choose, a text to search, or whether it is known. */
class FilterMenu {
  constructor(send) {
    this.send = send;
    this.filters = [];
    this.kinds = new Map();
    const id = uniqueId();
    this.column = h("select.g-select.g-wide", { id, onchange: () => this.ask() });
    this.inputs = h("div.g-filter-inputs");
    this.box = h("details.g-menu.g-filter", { ontoggle: () => { if (this.box.open) this.ask(); else this.asked = null; } },
      h("summary.g-button", {}, icon("M3 5h14M6 10h8M9 15h2"), "Filter"),
      h("form.g-sheet.g-left", { onsubmit: (e) => { e.preventDefault(); this.apply(); } },
        h("label", { for: id }, "Column"), this.column, this.inputs,
        h("div.g-buttons", {}, h("button.g-button", { type: "submit" }, "Apply"),
          h("button.g-button", { type: "button", onclick: () => this.set({ how: "missing" }) }, "Missing"),
          h("button.g-button", { type: "button", onclick: () => this.set({ how: "known" }) }, "Known"))));
    this.box.addEventListener("keydown", (e) => { if (e.key === "Escape") this.close(); });
  }

  setColumns(groups) {
    const before = this.column.value;
    groups.forEach(({ columns }) => columns.forEach((column) => this.kinds.set(column.key, column.kind)));
    this.column.replaceChildren(...columnOptions(groups));
    if (this.kinds.has(before)) this.column.value = before;
  }

  setFilters(filters) { this.filters = filters; }

  open(key) {
    this.column.value = key;
    this.box.open = true;
    this.ask();
    this.column.focus();
  }

  close() {
    this.box.open = false;
    this.box.querySelector("summary").focus();
  }

  /** Ask what the column can be filtered by; until it is known, nothing of the last one stands there. */
  ask() {
    if (this.asked === this.column.value) return;
    this.inputs.replaceChildren();
    this.read = null;
    this.asked = this.column.value;
    if (this.asked) this.send({ kind: "choices", key: this.asked });
  }

  /** What a column can be filtered by has come; once, so that nothing typed meanwhile is lost. */
  offer({ key, words, low, high }) {
    if (key !== this.asked) return;
    this.asked = null;
    const now = this.filters.find((one) => one.key === key);
    if (this.kinds.get(key) === "number") this.offerRange(now, low, high);
    else if (words) this.offerWords(now, words);
    else this.offerText(now);
  }

  offerRange(now, low, high) {
    const short = (value) => (value === null ? "" : String(Number(value.toPrecision(4))));
    const field = (label, value, hint) => {
      const id = uniqueId();
      const input = h("input.g-input", { id, type: "number", step: "any", value: value ?? "", placeholder: hint });
      return [h("label", { for: id }, label), input];
    };
    const [from, to] = [field("From", now?.low, short(low)), field("To", now?.high, short(high))];
    this.inputs.replaceChildren(h("div.g-range", {}, h("div", {}, ...from), h("div", {}, ...to)));
    const number = (input) => (input.value === "" ? null : Number(input.value));
    this.read = () => ({ how: "between", low: number(from[1]), high: number(to[1]) });
  }

  offerWords(now, words) {
    const boxes = words.map((word) => {
      const id = uniqueId();
      return h("div.g-check", {}, h("input", { type: "checkbox", id, value: word, checked: now?.words.includes(word) ?? false }),
        h("label", { for: id }, word));
    });
    this.inputs.replaceChildren(words.length ? h("div.g-checks", { role: "group", "aria-label": "Any of" }, boxes)
      : h("p", {}, "No pair has a value in this column."));
    this.read = () => ({ how: "is", words: [...this.inputs.querySelectorAll("input:checked")].map((box) => box.value) });
  }

  offerText(now) {
    const id = uniqueId();
    const input = h("input.g-input.g-wide", { id, maxlength: 200, spellcheck: "false", value: now?.how === "has" ? now.words[0] : "" });
    this.inputs.replaceChildren(h("label", { for: id }, this.kinds.get(this.column.value) === "id" ? "Begins with" : "Contains"), input);
    this.read = () => ({ how: "has", text: input.value });
  }

  apply() { if (this.read) this.set(this.read()); }

  set(condition) {
    this.send({ kind: "narrow", key: this.column.value, ...condition });
    this.close();
  }
}

/** Which columns the table shows. */
class ColumnMenu {
  constructor(send) {
    this.send = send;
    this.chosen = [];
    const id = uniqueId();
    this.search = h("input.g-input.g-wide", { id, type: "search", placeholder: "Search columns", oninput: () => this.sift() });
    this.list = h("div.g-checks.g-tall", { role: "group", "aria-label": "Columns of the table" });
    this.box = h("details.g-menu", {}, h("summary.g-button", {}, "Columns"),
      h("div.g-sheet", {}, h("label.g-unseen", { for: id }, "Search columns"), this.search, this.list));
    this.box.addEventListener("keydown", (e) => { if (e.key === "Escape") { this.box.open = false; this.box.querySelector("summary").focus(); } });
  }

  setColumns(groups) {
    this.list.replaceChildren(...groups.map(({ name, columns }) => h("div.g-check-group", {}, h("p.g-muted", {}, name),
      columns.map((column) => {
        const id = uniqueId();
        return h("div.g-check", { title: column.note || null },
          h("input", { type: "checkbox", id, value: column.key, onchange: (e) => this.toggle(column.key, e.target.checked) }),
          h("label", { for: id }, column.name));
      }))));
    this.setChosen(this.chosen);
  }

  setChosen(keys) {
    this.chosen = keys;
    this.list.querySelectorAll("input").forEach((box) => { box.checked = keys.includes(box.value); });
  }

  sift() {
    const wanted = this.search.value.trim().toLowerCase();
    this.list.querySelectorAll(".g-check").forEach((box) => { box.hidden = !box.textContent.toLowerCase().includes(wanted); });
    this.list.querySelectorAll(".g-check-group").forEach((group) => { group.hidden = !group.querySelector(".g-check:not([hidden])"); });
  }

  toggle(key, shown) {
    const keys = shown ? [...this.chosen, key] : this.chosen.filter((other) => other !== key);
    if (keys.length) this.send(keys);
    else this.setChosen(this.chosen);
  }
}

/** Export what was flagged, or the pairs that are listed or selected. */
function exportMenu(send) {
  const [id, group] = [uniqueId(), uniqueId()];
  const name = h("input.g-input.g-wide", { id, value: "review", maxlength: "64", spellcheck: "false" });
  const about = h("p", { "aria-live": "polite" });
  let what = "reviewed";
  let counts = { reviewed: 0, listed: 0, selected: 0 };
  const hints = {
    reviewed: ["Read it with galcat match --review or galcat split --review.", "Nothing is flagged yet. Flag a pair first."],
    listed: ["Read it with galcat split --pairs or galcat cutouts --pairs.", "The list is empty."],
    selected: ["Read it with galcat split --pairs or galcat cutouts --pairs.", "No pair is selected."],
  };
  const write = (format) => h("button.g-button", {
    onclick: (e) => { send({ kind: "export", what, format: format.toLowerCase(), name: name.value }); e.target.closest("details").open = false; },
  }, format);
  const buttons = h("div.g-buttons", {}, ["CSV", "VOTable", "Parquet"].map(write));
  const radio = (key) => {
    const radioId = uniqueId();
    const label = h("label", { for: radioId });
    const input = h("input", { type: "radio", id: radioId, name: group, value: key, checked: key === what,
      onchange: () => { what = key; name.value = key === "reviewed" ? "review" : "pairs"; show(); } });
    return { row: h("div.g-check", {}, input, label), label };
  };
  const radios = { reviewed: radio("reviewed"), listed: radio("listed"), selected: radio("selected") };
  const names = { reviewed: "What was reviewed", listed: "The list as it is now", selected: "The selected pairs" };
  function show() {
    for (const [key, { label }] of Object.entries(radios)) label.textContent = `${names[key]}: ${commas(counts[key])} pairs`;
    about.textContent = hints[what][counts[what] ? 0 : 1];
    buttons.querySelectorAll("button").forEach((button) => { button.disabled = !counts[what]; });
  }
  const box = h("details.g-menu.g-up", {}, h("summary.g-button", {}, "Export"),
    h("div.g-sheet.g-left", {}, h("div", { role: "radiogroup", "aria-label": "What to export" }, Object.values(radios).map(({ row }) => row)),
      about, h("label", { for: id }, "File name in exports/"), name, buttons));
  box.addEventListener("keydown", (e) => { if (e.key === "Escape") { box.open = false; box.querySelector("summary").focus(); } });
  return { box, fill: (now) => { counts = now; show(); } };
}

function keysMenu() {
  const keys = [["← →", "previous, next pair"], ["↑ ↓", "a row up, down"], ["Page Up, Down", "turn the page"], ["Home, End", "first, last pair"],
    ["Space", "select the pair, or not"], ["Shift ← → ↑ ↓", "select on the way"], ["Ctrl+A, Escape", "select all, none"],
    ["g", "good"], ["x", "bad match"], ["1, 2", "bad left, right image"], ["c", "enlarge"], ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"]];
  return h("details.g-menu.g-up", {}, h("summary.g-button.g-quiet", {}, "Keys"),
    h("div.g-sheet.g-left.g-keys-sheet", {}, h("dl.g-keys", {}, keys.map(([key, does]) => [h("dt", {}, key), h("dd", {}, does)])),
      h("p", {}, "A label's key is underlined on its button. While pairs are selected, g, x, 1, 2 and labels are said of all of them.")));
}
