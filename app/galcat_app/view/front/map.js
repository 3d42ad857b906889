// The map of galaxies: switches, points, hover pictures, box and lasso, legend.

const TOOLS = {
  pan: ["Move", ["M10 3v14M3 10h14M10 3l-2 2M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2"], "Drag to move, scroll to zoom, click a galaxy for its card"],
  box: ["Box", ["M4 5h12v10H4z"], "Drag a box to select; Shift adds, Alt takes away"],
  lasso: ["Lasso", ["M10 4c4 0 7 1.8 7 4.2S14 12.5 10 12.5 3 10.6 3 8.2 6 4 10 4zM6.5 12c-1.5 1-1.5 3 .5 3s1 2-1 2"], "Draw around galaxies to select; Shift adds, Alt takes away"],
};
const ARROWS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
const AHEAD_PX = 56; // pictures of galaxies this close to the pointer are fetched before they are asked for
const THICK_PX = 7;
const MORPH_MS = 420;
const REST_MS = 140; // after so long without movement the map is drawn at its best

function render({ model, el }) {
  const view = new MapView(model, el);
  return () => view.dispose();
}

class MapView {
  constructor(model, el) {
    this.model = model;
    this.tool = "pan";
    this.hover = -1;
    this.drag = null;
    el.classList.add("galcat", "g-panel", "g-map");
    this.build(el);
    this.scatter = new Scatter(this.canvas);
    this.looks = new Looks(model, () => this.showTip());
    this.listen(el);
    this.undo = [onTheme((theme) => this.recolour(theme))];
    const sized = new ResizeObserver(() => this.resize());
    sized.observe(this.stage);
    this.undo.push(() => sized.disconnect());
    this.setControls();
    this.setPoints(false);
    this.setSelected();
    this.resize();
  }

  dispose() {
    this.undo.forEach((end) => end());
    this.looks.clear();
  }

  // ---- what is there ------------------------------------------------------------------------

  build(el) {
    this.methods = h("div.g-segments", { role: "radiogroup", "aria-label": "Map" });
    this.colourBy = h("select.g-select", {
      id: uniqueId(), onchange: (e) => this.model.send({ kind: "colour", key: e.target.value }),
    });
    this.tools = h("div.g-segments", { role: "radiogroup", "aria-label": "Tool" },
      Object.entries(TOOLS).map(([tool, [name, paths]]) => this.segment("tool", tool, name,
        tool === this.tool, () => this.choose(tool), icon(...paths))));
    const zooms = h("div.g-buttons", {},
      h("button.g-button.g-square", { "aria-label": "Zoom in", title: "Zoom in (+)", onclick: () => this.zoom(1.6) }, icon("M10 4v12M4 10h12")),
      h("button.g-button.g-square", { "aria-label": "Zoom out", title: "Zoom out (-)", onclick: () => this.zoom(1 / 1.6) }, icon("M4 10h12")),
      h("button.g-button.g-square", { "aria-label": "Show all", title: "Show all (0)", onclick: () => this.fit() }, icon("M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4")));
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.overlay = h("canvas.g-overlay", { "aria-hidden": "true" });
    this.tip = h("div.g-tip", { hidden: true });
    this.hint = h("p.g-hint", {}, TOOLS.pan[2]);
    this.stage = h("div.g-stage", {
      tabindex: "0", role: "group", "aria-label":
        "Map of galaxies. Arrow keys move it, plus and minus zoom, 0 shows all, Escape selects nothing. The table beside it lists the same galaxies.",
    }, this.canvas, this.overlay, this.hint, this.tip);
    this.legend = h("div.g-legend", { "aria-label": "Legend", role: "group" });
    el.append(
      h("div.g-toolbar", {},
        this.methods,
        h("label.g-label", { for: this.colourBy.id }, "Colour by"), this.colourBy,
        h("span.g-gap"), this.appearance(), this.tools, zooms),
      this.stage, this.legend);
  }

  segment(group, key, name, checked, chosen, content) {
    const id = uniqueId();
    return h("span.g-segment", {},
      h("input", { type: "radio", id, name: `${group}-${this.model.get("_galcat_id") ?? "map"}`, value: key,
        checked, "data-key": key, onchange: () => chosen(key) }),
      h("label", { for: id, title: content ? name : undefined },
        content ?? name, content ? h("span.g-unseen", {}, name) : null));
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

  listen(el) {
    const on = (name, callback) => this.model.on(`change:${name}`, callback);
    on("points", () => this.setPoints(true));
    on("codes", () => this.recolour());
    on("selected", () => this.setSelected());
    on("focus", () => this.setFocus());
    on("content", () => { this.setControls(); this.recolour(); });
    const stage = this.stage;
    stage.addEventListener("pointermove", (e) => this.moved(e));
    stage.addEventListener("pointerleave", () => { this.hover = -1; this.showTip(); this.redrawOver(); });
    stage.addEventListener("pointerdown", (e) => this.pressed(e));
    stage.addEventListener("pointerup", (e) => this.released(e));
    stage.addEventListener("pointercancel", () => { this.drag = null; this.redrawOver(); });
    stage.addEventListener("dblclick", (e) => { const [x, y] = this.place(e); this.zoom(2, x, y); });
    stage.addEventListener("wheel", (e) => this.wheeled(e), { passive: false });
    stage.addEventListener("keydown", (e) => this.typed(e));
    el.addEventListener("focusout", (e) => {
      const menu = e.target.closest?.(".g-menu");
      if (menu && !menu.contains(e.relatedTarget)) menu.open = false;
    });
  }

  // ---- from Python --------------------------------------------------------------------------

  setControls() {
    const content = this.model.get("content");
    this.methods.replaceChildren(...content.methods.map(({ key, name }) => this.segment("method", key,
      name, key === content.method, () => this.model.send({ kind: "method", key }))));
    this.methods.hidden = content.methods.length < 2;
    this.colourBy.replaceChildren(...content.colours.map(({ key, name }) => h("option", { value: key }, name)));
    this.colourBy.value = content.colour;
    this.setLegend(content);
  }

  setPoints(morph) {
    const data = this.model.get("points");
    const copy = bytes(data).slice().buffer;
    const before = this.scatter.xy;
    this.looks.clear();
    this.scatter.setPoints(new Float32Array(copy));
    this.hover = -1;
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
    const packed = bytes(this.model.get("selected"));
    if (!packed.length) this.scatter.selected = null;
    else {
      const mask = new Uint8Array(this.scatter.size);
      for (let i = 0; i < mask.length; i++) mask[i] = (packed[i >> 3] >> (i & 7)) & 1;
      this.scatter.selected = mask;
    }
    this.stage.dataset.selected = this.model.get("count");
    this.redraw();
  }

  /** Bring the galaxy that is looked at into sight. */
  setFocus() {
    const row = this.model.get("focus");
    if (row >= 0 && row < this.scatter.size) {
      const [x, y] = this.scatter.toScreen(row);
      const { width, height } = this.scatter;
      if (x < 12 || y < 12 || x > width - 12 || y > height - 12) {
        this.scatter.pan(width / 2 - x, height / 2 - y);
        return this.redraw();
      }
    }
    return this.redrawOver();
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

  // ---- drawing ------------------------------------------------------------------------------

  recolour(theme = document.documentElement.dataset.galcatTheme) {
    const content = this.model.get("content");
    const style = getComputedStyle(this.stage);
    this.scatter.background = rgb(style.getPropertyValue("--g-stage"));
    this.scatter.nothing = rgb(content.nothing[theme]);
    this.scatter.palette = (content.palette[theme] ?? []).map(rgb);
    const codes = bytes(this.model.get("codes"));
    this.scatter.codes = codes.length === this.scatter.size || !this.scatter.size
      ? codes : new Uint8Array(this.scatter.size).fill(255);
    this.setLegend(content);
    this.redraw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    const first = !this.scatter.width;
    const { k, x, y } = this.scatter.view;
    const whole = !first && ["k", "x", "y"].every((key) => Math.abs(this.scatter.view[key] - this.scatter.fitted()[key]) < 1);
    const [dx, dy] = [(width - this.scatter.width) / 2, (height - this.scatter.height) / 2];
    this.scatter.resize(width, height, window.devicePixelRatio || 1);
    this.overlay.width = this.canvas.width;
    this.overlay.height = this.canvas.height;
    if (first) this.recolour(); // before, the panel was in no page and had no colours
    if (first || whole) this.fit();
    else this.scatter.view = { k, x: x + dx, y: y + dy };
    this.draw();
  }

  redraw(moving = false) {
    if (moving) {
      clearTimeout(this.rest);
      this.rest = setTimeout(() => this.redraw(), REST_MS);
    }
    this.moving = moving;
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(this.moving); });
  }

  draw(quickly = false) {
    const begin = performance.now();
    this.scatter.draw(quickly);
    this.drawOver();
    const { k, x, y } = this.scatter.view;
    this.stage.dataset.view = JSON.stringify([k, x, y]);
    this.stage.dataset.drawMs = (performance.now() - begin).toFixed(1);
  }

  redrawOver() {
    if (this.frame || this.overFrame) return;
    this.overFrame = requestAnimationFrame(() => { this.overFrame = 0; this.drawOver(); });
  }

  drawOver() {
    const context = this.overlay.getContext("2d");
    const ratio = this.scatter.ratio ?? 1;
    const style = getComputedStyle(this.stage);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.scatter.width, this.scatter.height);
    const ring = (row, colour, width) => {
      if (row < 0 || row >= this.scatter.size) return;
      const [x, y] = this.scatter.toScreen(row);
      context.beginPath();
      context.arc(x, y, this.scatter.radius + 3.5, 0, 7);
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    };
    ring(this.model.get("focus"), style.getPropertyValue("--g-ink"), 2.5);
    ring(this.hover, style.getPropertyValue("--g-ink"), 1.25);
    if (this.drag?.path.length > 1 && this.drag.tool !== "pan") this.drawShape(context, style);
  }

  drawShape(context, style) {
    const path = this.drag.tool === "box" ? boxPath(this.drag.path) : this.drag.path;
    context.beginPath();
    path.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
    context.fillStyle = style.getPropertyValue("--g-accent-wash");
    context.strokeStyle = style.getPropertyValue("--g-accent");
    context.lineWidth = 1.5;
    context.fill();
    context.stroke();
  }

  // ---- by hand ------------------------------------------------------------------------------

  place(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  choose(tool) {
    this.tool = tool;
    this.stage.dataset.tool = tool;
    this.hint.textContent = TOOLS[tool][2];
    const input = this.tools.querySelector(`[data-key=${tool}]`);
    if (input) input.checked = true;
  }

  zoom(factor, x = this.scatter.width / 2, y = this.scatter.height / 2) {
    this.scatter.zoom(factor, x, y);
    this.hover = -1;
    this.showTip();
    this.redraw(true);
  }

  fit() {
    this.scatter.fit();
    this.redraw();
  }

  wheeled(event) {
    event.preventDefault();
    const [x, y] = this.place(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) * 0.0022), x, y);
  }

  typed(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey) return;
    const keys = {
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4),
      0: () => this.fit(), Escape: () => this.model.send({ kind: "clear" }),
      m: () => this.choose("pan"), b: () => this.choose("box"), l: () => this.choose("lasso"),
    };
    if (ARROWS[event.key]) { this.scatter.pan(...ARROWS[event.key]); this.redraw(true); }
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  pressed(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.drag = { tool: this.tool, path: [this.place(event)], moved: false };
  }

  moved(event) {
    const at = this.place(event);
    if (!this.drag) return this.hovered(at);
    const last = this.drag.path[this.drag.path.length - 1];
    const [dx, dy] = [at[0] - last[0], at[1] - last[1]];
    if (!this.drag.moved && Math.hypot(dx, dy) < 4) return undefined;
    this.drag.moved = true;
    this.hover = -1;
    this.showTip();
    if (this.drag.tool === "pan") {
      this.scatter.pan(dx, dy);
      this.drag.path = [at];
      return this.redraw(true);
    }
    if (this.drag.tool === "box") this.drag.path = [this.drag.path[0], at];
    else if (Math.hypot(dx, dy) >= 2) this.drag.path.push(at);
    return this.redrawOver();
  }

  released(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    const at = this.place(event);
    if (!drag.moved) {
      const row = this.scatter.nearest(...at);
      if (row >= 0) this.model.send({ kind: "focus", row });
    } else if (drag.tool !== "pan") {
      const path = drag.tool === "box" ? [drag.path[0], at] : drag.path;
      const points = path.map(([x, y]) => this.scatter.toData(x, y));
      this.model.send({ kind: "draw", shape: drag.tool, points, mode: modeOf(event) });
    }
    this.redrawOver();
  }

  hovered(at) {
    this.pointer = at;
    const row = this.scatter.nearest(...at);
    if (row !== this.hover) {
      this.hover = row;
      this.stage.classList.toggle("g-on-point", row >= 0);
      if (row >= 0 && !this.looks.get(row)) this.looks.want([row], true);
      this.redrawOver();
    }
    this.showTip();
    const now = performance.now();
    if (now - (this.aheadAt ?? 0) > 70) {
      this.aheadAt = now;
      const near = this.scatter.around(...at, AHEAD_PX, this.looks.batch);
      // where points lie too thick to guess the next one, the line is left free for it
      const [x, y] = near.length ? this.scatter.toScreen(near[near.length - 1]) : at;
      const thick = near.length === this.looks.batch && Math.hypot(x - at[0], y - at[1]) < THICK_PX;
      this.looks.want(thick ? near.slice(0, 6) : near);
    }
  }

  // ---- the picture on hover -------------------------------------------------------------------

  showTip() {
    const row = this.hover;
    if (row < 0) { this.tip.hidden = true; this.tipRow = -1; return; }
    const look = this.looks.get(row);
    const state = look ? "whole" : "waiting";
    if (this.tipRow !== row || this.tipState !== state) {
      this.tipRow = row;
      this.tipState = state;
      this.tip.replaceChildren(...(look ? tipContent(look) : [h("div.g-tip-pictures", {}, h("div.g-tip-picture.g-waiting"))]));
      this.tip.dataset.row = row;
      this.tip.dataset.state = state;
    }
    this.tip.hidden = false;
    const [x, y] = this.scatter.toScreen(row);
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = x + 18 + width > this.scatter.width ? x - 18 - width : x + 18;
    const top = Math.min(Math.max(y - height / 2, 8), Math.max(this.scatter.height - height - 8, 8));
    this.tip.style.transform = `translate(${Math.round(Math.max(left, 4))}px, ${Math.round(top)}px)`;
  }
}

const boxPath = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
const modeOf = (event) => (event.shiftKey ? "add" : event.altKey ? "remove" : "replace");

export default { render };
