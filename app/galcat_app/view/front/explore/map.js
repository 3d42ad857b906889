// The map of galaxies: which map, which colours, points, legend; hover pictures, box and lasso come with its plane.

const MORPH_MS = 420;

function render({ model, el }) {
  const view = new MapView(model, el);
  return () => view.dispose();
}

class MapView extends Handled {
  constructor(model, el) {
    super(model, el);
    this.watch(el);
    this.setControls();
    this.setPoints(false);
    this.setSelected();
    this.resize();
  }

  get hints() {
    return {
      pan: "Drag to move, scroll to zoom, click a galaxy for its card",
      box: "Drag a box to select; Shift adds, Alt takes away",
      lasso: "Draw around galaxies to select; Shift adds, Alt takes away",
    };
  }

  escape() { this.model.send({ kind: "clear" }); }

  // ---- what is there ------------------------------------------------------------------------

  build(el) {
    el.classList.add("galcat", "g-panel", "g-map");
    this.methods = h("div");
    this.colourBy = h("select.g-select", {
      id: uniqueId(), onchange: (e) => this.model.send({ kind: "colour", key: e.target.value }),
    });
    const zooms = h("div.g-buttons", {},
      h("button.g-button.g-square", { "aria-label": "Zoom in", title: "Zoom in (+)", onclick: () => this.zoom(1.6) }, icon("M10 4v12M4 10h12")),
      h("button.g-button.g-square", { "aria-label": "Zoom out", title: "Zoom out (-)", onclick: () => this.zoom(1 / 1.6) }, icon("M4 10h12")),
      h("button.g-button.g-square", { "aria-label": "Show all", title: "Show all (0)", onclick: () => this.fit() }, icon("M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4")));
    const stage = this.makeStage("Map of galaxies. Escape selects nothing. The table beside it lists the same galaxies.");
    this.legend = h("div.g-legend", { "aria-label": "Legend", role: "group" });
    el.append(
      h("div.g-toolbar", {},
        this.methods,
        h("label.g-label", { for: this.colourBy.id }, "Colour by"), this.colourBy,
        h("span.g-gap"), this.appearance(), this.tools, zooms),
      stage, this.legend);
  }

  appearance() {
    const slider = (label, least, most, value, set) => {
      const id = uniqueId();
      return h("div.g-slider", {}, h("label", { for: id }, label),
        h("input", { id, type: "range", min: least, max: most, step: 0.05, value,
          oninput: (e) => { set(Number(e.target.value)); this.redraw(); } }));
    };
    return h("details.g-menu", {},
      h("summary.g-button", { title: "Size and opacity of the points" }, "Points"),
      h("div.g-sheet", {},
        slider("Size", 0.4, 2.5, 1, (v) => { this.scatter.sizing = v; }),
        slider("Opacity", 0.1, 1, 1, (v) => { this.scatter.opacity = v; })));
  }

  watch(el) {
    const on = (name, callback) => this.model.on(`change:${name}`, callback);
    on("points", () => this.setPoints(true));
    on("codes", () => this.recolour());
    on("selected", () => this.setSelected());
    on("focus", () => this.setFocus());
    on("content", () => { this.setControls(); this.recolour(); });
    el.addEventListener("focusout", (e) => {
      const menu = e.target.closest?.(".g-menu");
      if (menu && !menu.contains(e.relatedTarget)) menu.open = false;
    });
  }

  // ---- from Python --------------------------------------------------------------------------

  setControls() {
    const content = this.model.get("content");
    const names = Object.fromEntries(content.methods.map(({ key, name }) => [key, name]));
    const methods = segments("Map", names, content.method, (key) => this.model.send({ kind: "method", key }));
    methods.hidden = content.methods.length < 2;
    this.methods.replaceWith(methods);
    this.methods = methods;
    this.colourBy.replaceChildren(...content.colours.map(({ key, name }) => h("option", { value: key }, name)));
    this.colourBy.value = content.colour;
    this.setLegend(content);
  }

  setPoints(morph) {
    const before = this.scatter.xy;
    this.takePoints();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (morph && !still && before.length === this.scatter.xy.length && this.scatter.size <= 30000) {
      this.morph(before);
    } else this.fit();
  }

  /** Let the points wander from the old map to the new one. */
  morph(before) {
    const target = this.scatter.xy, from = this.scatter.view, to = this.scatter.fitted();
    const begin = performance.now();
    const step = (now) => {
      const t = Math.min((now - begin) / MORPH_MS, 1);
      const eased = t < 0.5 ? 4 * t ** 3 : 1 - (-2 * t + 2) ** 3 / 2;
      if (this.scatter.grid?.xy !== target) return; // another map came meanwhile
      this.scatter.xy = t < 1 ? target.map((v, i) => before[i] + (v - before[i]) * eased) : target;
      for (const key of ["k", "x", "y"]) this.scatter.view[key] = from[key] + (to[key] - from[key]) * eased;
      this.draw();
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  setSelected() {
    this.pick(this.model.get("selected"));
    this.stage.dataset.selected = this.model.get("count");
  }

  setLegend(content) {
    const legend = content.legend;
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    const palette = content.palette[theme] ?? [];
    if (!legend) return this.legend.replaceChildren();
    const missing = legend.missing
      ? [h("span.g-muted", {}, `${commas(legend.missing)} ${legend.missing_name}`)] : [];
    const pick = (code, event) => this.model.send({ kind: "pick", code, mode: modeOf(event) });
    const shown = legend.type === "ramp" ? ramp(legend, palette) : entries(legend, palette, pick);
    return this.legend.replaceChildren(h("span.g-legend-name", {}, content.colourName), ...shown, ...missing);
  }

  recolour() {
    const content = this.model.get("content");
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    this.takeColours(content.palette[theme] ?? [], content.nothing[theme]);
    this.setLegend(content);
  }
}

export default { render };
