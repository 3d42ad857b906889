// One pair: both pictures at one scale, their stretch, what is known of them, what you say of them.

const MARKS = [["bad_match", "x", () => "Bad match"], ["bad_left_image", "1", (s) => `Bad ${s.left} image`], ["bad_right_image", "2", (s) => `Bad ${s.right} image`]];
const LAYOUTS = { beside: "Beside", overlaid: "Overlaid" };
const TAKEN = new Set(["g", "x", "c", "j", "k", "1", "2"]);

function render({ model, el }) {
  const view = new PairCard(model, el);
  return () => view.dispose();
}

class PairCard {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.fade = 0;
    this.openParts = { columns: false };
    el.classList.add("galcat", "g-panel", "g-pair-card");
    this.stretch = new Stretch(() => el.closest(".g-whole") ?? el);
    this.figures = h("div.g-pair-figures");
    this.stretch.controls.hidden = true;
    this.fader = this.buildFader();
    model.on("change:content", () => this.fill());
    model.on("change:pictures", () => this.fillFigures());
    model.on("change:selected", () => this.fillMany());
    this.keys = (event) => this.typed(event);
    document.addEventListener("keydown", this.keys, true);
    // what is worked with stays in the page; only what is said of a pair is made anew
    this.top = h("div.g-pair-top");
    this.told = h("div.g-pair-told");
    this.body = h("div.g-pair-body", {}, this.figures, this.fader, this.stretch.controls, this.told);
    this.none = h("p.g-hint-line", {});
    el.append(this.stretch.svg, this.none, this.top, this.body);
    this.ended = onTheme(() => this.fill());
    this.stretch.show();
    this.fillFigures();
    this.fill();
  }

  dispose() {
    document.removeEventListener("keydown", this.keys, true);
    this.ended();
  }

  get content() { return this.model.get("content"); }

  say(changes) { this.model.send({ kind: "say", row: this.content.row, changes }); }

  /** While pairs are selected, keys are said of all of them, the buttons here of this pair. */
  fillMany() {
    this.el.classList.toggle("g-keys-elsewhere", this.model.get("selected") > 0);
    const line = this.told.querySelector(".g-saved");
    if (line) line.textContent = this.status(this.content);
  }

  status({ problem, said }) {
    const count = this.model.get("selected");
    if (problem) return problem;
    if (count) return `Keys act on ${count === 1 ? "the selected pair" : `all ${commas(count)} selected`}, buttons on this pair.`;
    if (said.bad_match) return "A bad match takes no label.";
    return said.reviewed_at ? `Saved ${said.reviewed_at.replace("T", " ").replace("Z", " UTC")}` : "";
  }

  // ---- the pictures ---------------------------------------------------------------------------

  buildFader() {
    const id = uniqueId();
    this.fadeInput = h("input", { id, type: "range", min: 0, max: 1, step: 0.01, value: 0, oninput: (e) => { this.fade = Number(e.target.value); this.showFade(); } });
    this.beside = segments("How the pictures stand", LAYOUTS, "beside", (key) => { this.overlaid = key === "overlaid"; this.fillFigures(); });
    this.fadeRow = h("div.g-slider.g-fade", { hidden: true }, h("label", { for: id }, "Fade"), this.fadeInput);
    this.closer = h("button.g-button", { "aria-pressed": "false", title: "Larger pictures (c)", onclick: () => this.lookCloser() }, "Enlarge");
    const stretch = h("button.g-button", { "aria-expanded": "false", title: "Stretch: contrast, gamma, bands",
      onclick: () => {
        this.stretch.controls.hidden = !this.stretch.controls.hidden;
        stretch.setAttribute("aria-expanded", !this.stretch.controls.hidden);
      } }, "Stretch");
    return h("div.g-pair-look", {}, this.beside, h("span.g-gap"), stretch, this.closer, this.fadeRow);
  }

  showFade() {
    const right = this.figures.querySelector(".g-pair-frame[data-side=right] .g-pair-picture");
    if (right && this.overlaid) right.style.opacity = this.fade;
  }

  lookCloser(closer = !this.el.classList.contains("g-closer")) {
    this.el.classList.toggle("g-closer", closer);
    this.closer.setAttribute("aria-pressed", closer);
    this.closer.textContent = closer ? "Reduce" : "Enlarge";
  }

  fillFigures() {
    const shown = this.model.get("pictures");
    this.fadeRow.hidden = !this.overlaid;
    this.figures.classList.toggle("g-overlaid", Boolean(this.overlaid));
    this.figures.dataset.row = shown.row ?? -1;
    if (!(shown.row >= 0)) { this.figures.replaceChildren(); return; }
    this.stretch.setBands(shown.bands);
    this.figures.replaceChildren(...["left", "right"].map((side) => this.figure(shown[side], shown, side)));
    if (shown.unknown.length) this.figures.append(h("p.g-muted.g-pair-remark", {}, `Scale and orientation of the ${shown.unknown.join(" and ")} picture are not known.`));
    this.showFade();
  }

  figure(one, shown, side) {
    const bar = one.image && one.width && shown.bar;
    const image = one.image ? picture(one.image, `${one.survey} picture${one.width ? `, ${one.width} wide, north up, east left` : ""}`, { class: "g-sky-picture" }) : null;
    return h("div.g-pair-frame.g-large", { "data-side": side },
      image ? h("span.g-pair-picture", { style: `width:${(100 * one.share).toFixed(2)}%` }, image) : h("span.g-none", {}, one.why),
      h("span.g-survey", {}, one.survey),
      image && one.width ? h("span.g-compass", { title: "North is up, east is left" }, compass()) : null,
      bar ? h("span.g-scale", { style: `width:${(100 * bar.fraction).toFixed(2)}%` }, `${bar.arcsec}″`) : null);
  }

  // ---- what is known ----------------------------------------------------------------------------

  fill() {
    const card = this.content;
    const some = card.row >= 0;
    this.el.classList.toggle("g-keys-elsewhere", this.model.get("selected") > 0);
    this.el.classList.toggle("g-empty", !some);
    this.none.hidden = some;
    this.top.hidden = this.body.hidden = !some;
    this.el.dataset.row = card.row;
    if (!some) {
      this.lookCloser(false);
      this.none.replaceChildren(icon("M8.5 3a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4"),
        card.total ? "No pair is in the list. Take a filter away." : "Here a pair stands when there is one.");
      return;
    }
    const held = document.activeElement?.dataset?.hold; // a button that was pressed is made anew: it keeps the focus
    const typing = this.told.querySelector("input[data-hold]:focus")?.value;
    this.top.replaceChildren(this.head(card));
    this.told.replaceChildren(this.verdict(card), this.labels(card), ...this.facts(card));
    if (held) {
      const again = this.el.querySelector(`[data-hold="${held}"]`);
      again?.focus({ preventScroll: true });
      if (typing !== undefined && again && again.dataset.row === String(card.row)) again.value = typing;
    }
  }

  head(card) {
    const step = (by) => this.model.send({ kind: "step", by });
    const title = card.place < 0 ? "No longer in the list" : `${commas(card.place + 1)} of ${commas(card.count)}`;
    return h("div.g-toolbar", {},
      h("h2.g-title", {}, "Pair ", h("span.g-count", {}, title)), h("span.g-gap"),
      h("button.g-button.g-square", { "aria-label": "Previous pair", "data-hold": "previous", disabled: card.place === 0, onclick: () => step(-1) }, icon("M12 4l-6 6 6 6")),
      h("button.g-button.g-square", { "aria-label": "Next pair", "data-hold": "next", disabled: card.place === card.count - 1, onclick: () => step(1) }, icon("M8 4l6 6-6 6")));
  }

  verdict(card) {
    const off = Boolean(card.problem);
    const said = card.said;
    const good = said.reviewed_at !== null && !MARKS.some(([name]) => said[name]) && !said.label && !said.note;
    const button = (name, key, text, on, press, kind) => h(`button.g-button.g-say.${kind}`, { "aria-pressed": String(on), "aria-keyshortcuts": key, "data-say": name, "data-hold": name, disabled: off, onclick: press }, text, h("kbd", {}, key));
    return h("div.g-verdicts", { role: "group", "aria-label": "What you say of this pair" },
      button("good", "g", "Good", good, () => this.toggle("good"), "g-yes"),
      MARKS.map(([name, key, text]) => button(name, key, text(card.surveys), said[name], () => this.toggle(name), "g-no")));
  }

  toggle(name) {
    const { said } = this.content;
    if (name === "good") {
      const good = said.reviewed_at !== null && !MARKS.some(([mark]) => said[mark]);
      return this.say(good ? { good: false, label: null, note: null } : { good: true });
    }
    return this.say({ [name]: !said[name] });
  }

  labels(card) {
    const off = Boolean(card.problem) || card.said.bad_match;
    const now = card.said.label;
    const choose = (name) => this.say({ label: name === now ? null : name });
    const buttons = card.classes.slice(0, 8).map((name) => {
      const key = keyOf(name, card.classes);
      return h("button.g-button.g-say.g-yes", { "aria-pressed": String(name === now), "aria-keyshortcuts": key, "data-label": name, "data-hold": `label-${name}`, disabled: off, onclick: () => choose(name) }, underlined(name, key));
    });
    const [labelId, noteId] = [uniqueId(), uniqueId()];
    const other = h("input.g-input", { id: labelId, maxlength: 64, placeholder: "Another label", spellcheck: "false", disabled: off, "data-hold": "label", "data-row": card.row, value: now && !card.classes.slice(0, 8).includes(now) ? now : "",
      onchange: (e) => this.say({ label: e.target.value.trim() || null }) });
    const note = h("input.g-input.g-wide", { id: noteId, maxlength: 500, placeholder: "Note", disabled: Boolean(card.problem), "data-hold": "note", "data-row": card.row, "data-saved": card.said.note ?? "", value: card.said.note ?? "",
      onchange: (e) => this.say({ note: e.target.value.trim() || null }) });
    return h("div.g-relabel", {},
      h("div.g-label-line", {}, h("span.g-muted", {}, "Label"), buttons, h("label.g-unseen", { for: labelId }, "Another label"), other),
      h("label.g-unseen", { for: noteId }, "Note"), note, h("p.g-muted.g-saved", { role: "status" }, this.status(card)));
  }

  links(card) {
    if (!card.links.length) return null;
    return h("nav.g-links", { "aria-label": "The same place elsewhere" }, h("span.g-muted", {}, "This place at"),
      card.links.map(([name, href]) => h("a.g-out", { href, target: "_blank", rel: "noopener noreferrer", title: `${name} shows this place (another site)` }, name, h("span", { "aria-hidden": "true" }, " ↗"))));
  }

  facts(card) {
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    const ramp = card.ramp[theme];
    const { left, right } = card.surveys;
    const sides = h("table.g-table.g-sides", {}, h("caption.g-unseen", {}, "Both galaxies"),
      h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, left), h("th", { scope: "col" }, right))),
      h("tbody", {}, card.sides.map(([name, a, b]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, a), h("td", {}, b)))));
    const predictions = card.predictions.length ? h("table.g-table.g-predictions", {}, h("caption.g-unseen", {}, "Predictions"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Prediction"), h("th", { scope: "col" }, "Class"), h("th", { scope: "col" }, `p ${card.predictions[0].positive}`))),
      h("tbody", {}, card.predictions.map((told) => h("tr", {}, h("th", { scope: "row" }, h("span.g-muted", {}, `${told.survey} `), told.name), h("td", {}, told.predicted),
        h("td", {}, h("span.g-chance", {}, h("span.g-dot", { style: `background:${ramp[Math.round(told.p * (ramp.length - 1))]}` }), told.p.toFixed(3))))))) : null;
    const columns = h("details.g-columns", { open: this.openParts.columns, ontoggle: (e) => { this.openParts.columns = e.target.open; } },
      h("summary", {}, `All ${card.columns.length} columns`),
      h("table.g-table", {}, h("tbody", {}, card.columns.map(([name, value, note]) => h("tr", { title: note || null }, h("th", { scope: "row" }, name), h("td", {}, value))))));
    return [h("dl.g-pair-facts", {}, card.facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      card.flags.map((flag) => h("p.g-flag", {}, flag)), this.links(card), sides, predictions, columns].flat().filter(Boolean);
  }

  // ---- keys -------------------------------------------------------------------------------------

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.el.isConnected) return;
    const card = this.content;
    const whole = this.el.closest(".g-whole") ?? this.el;
    const free = event.target === document.body && document.body.dataset.voila !== undefined;
    if ((!free && !whole.contains(event.target)) || !(card.row >= 0)) return;
    if (event.key === "Escape" && this.el.classList.contains("g-closer")) this.lookCloser(false);
    else if (event.target.matches?.("input:not([type=radio], [type=range], [type=checkbox]), select, textarea") || event.target.closest?.("[data-own-keys], .g-menu[open]") || event.repeat) return;
    else if (event.key === "c") this.lookCloser();
    else if (card.problem) return;
    else {
      const said = this.saidBy(event.key, card.classes);
      if (!said) return;
      this.model.send({ kind: "press", ...said });
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** What a key says; of which pairs, Python knows. */
  saidBy(key, classes) {
    const name = key === "g" ? "good" : MARKS.find(([, one]) => one === key)?.[0];
    const label = classes.slice(0, 8).find((one) => keyOf(one, classes) === key);
    return name ? { name } : label ? { name: "label", label } : null;
  }
}

/** The first letter of a label that no other label before it and no other key has. */
function keyOf(name, classes) {
  const taken = new Set(TAKEN);
  for (const other of classes) {
    const key = [...other.toLowerCase()].find((letter) => /[a-z]/.test(letter) && !taken.has(letter));
    if (other === name) return key ?? null;
    if (key) taken.add(key);
  }
  return null;
}

function underlined(name, key) {
  const at = key ? name.toLowerCase().indexOf(key) : -1;
  return at < 0 ? [name] : [h("span", {}, name.slice(0, at), h("u", {}, name[at]), name.slice(at + 1))];
}

function compass() {
  return h("svg", { viewBox: "0 0 30 30", "aria-hidden": "true" }, h("path", { d: "M24 24V8M24 8l-3 4M24 8l3 4M24 24H8M8 24l4-3M8 24l4 3" }),
    h("text", { x: 24, y: 6, "text-anchor": "middle" }, "N"), h("text", { x: 3, y: 26.5, "text-anchor": "middle" }, "E"));
}

export default { render };
