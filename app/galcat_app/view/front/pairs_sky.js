// Where the pairs are on the sky: those of the list strong, the others faint; box and lasso list what they enclose.

const TOOLS = {
  pan: ["Move", ["M10 3v14M3 10h14M10 3l-2 2M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2"], "Drag to move, scroll to zoom, click a pair"],
  box: ["Box", ["M4 5h12v10H4z"], "Drag a box; Shift adds, Alt takes away"],
  lasso: ["Lasso", ["M10 4c4 0 7 1.8 7 4.2S14 12.5 10 12.5 3 10.6 3 8.2 6 4 10 4zM6.5 12c-1.5 1-1.5 3 .5 3s1 2-1 2"], "Draw around pairs; Shift adds, Alt takes away"],
};
const ARROWS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
const STEPS_DEG = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 90];
const REST_MS = 140;

function render({ model, el }) {
  const view = new SkyView(model, el);
  return () => view.dispose();
}

class SkyView {
  constructor(model, el) {
    this.model = model;
    this.tool = "pan";
    this.drag = null;
    el.classList.add("galcat", "g-panel", "g-pair-sky");
    this.build(el);
    this.scatter = new Scatter(this.canvas);
    this.scatter.sizing = 0.75;
    this.listen();
    this.ended = onTheme(() => this.recolour());
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.stage);
    this.setPoints();
    this.setListed();
    this.resize();
  }

  dispose() {
    this.ended();
    this.sized.disconnect();
  }

  build(el) {
    const group = uniqueId();
    this.tools = h("div.g-segments", { role: "radiogroup", "aria-label": "Tool on the sky" }, Object.entries(TOOLS).map(([key, [name, paths]]) => {
      const id = uniqueId();
      return h("span.g-segment", {}, h("input", { type: "radio", id, name: group, value: key, checked: key === this.tool, "data-key": key, onchange: () => this.choose(key) }),
        h("label", { for: id, title: name }, icon(...paths), h("span.g-unseen", {}, name)));
    }));
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.overlay = h("canvas.g-overlay", { "aria-hidden": "true" });
    this.hint = h("p.g-hint", {}, TOOLS.pan[2]);
    this.stage = h("div.g-stage", { tabindex: "0", role: "group", "aria-label": "Map of the sky. Arrow keys move it, plus and minus zoom, 0 shows all, Escape forgets what was drawn. The list shows the same pairs." },
      this.canvas, this.overlay, this.hint);
    this.legend = h("div.g-legend");
    el.append(h("div.g-toolbar", {}, h("h2.g-title", {}, "On the sky"), h("span.g-gap"), this.tools,
      h("button.g-button.g-square", { "aria-label": "Show the whole sky map", title: "Show all (0)", onclick: () => this.fit() }, icon("M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4"))),
    this.stage, this.legend);
  }

  listen() {
    const on = (name, callback) => this.model.on(`change:${name}`, callback);
    on("points", () => this.setPoints());
    on("codes", () => this.recolour());
    on("content", () => this.recolour());
    on("listed", () => this.setListed());
    on("focus", () => this.setFocus());
    const stage = this.stage;
    stage.addEventListener("pointerdown", (e) => this.pressed(e));
    stage.addEventListener("pointermove", (e) => this.moved(e));
    stage.addEventListener("pointerup", (e) => this.released(e));
    stage.addEventListener("pointercancel", () => { this.drag = null; this.redraw(); });
    stage.addEventListener("dblclick", (e) => this.zoom(2, ...this.place(e)));
    stage.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, e.deltaY * (e.deltaMode === 1 ? 16 : 1))) * 0.0022), ...this.place(e));
    }, { passive: false });
    stage.addEventListener("keydown", (e) => this.typed(e));
  }

  setPoints() {
    this.scatter.setPoints(new Float32Array(bytes(this.model.get("points")).slice().buffer));
    this.fit();
  }

  setListed() {
    const packed = bytes(this.model.get("listed"));
    if (!packed.length) this.scatter.selected = null;
    else {
      const mask = new Uint8Array(this.scatter.size);
      for (let i = 0; i < mask.length; i++) mask[i] = (packed[i >> 3] >> (i & 7)) & 1;
      this.scatter.selected = mask;
    }
    this.redraw();
  }

  /** Bring the pair that is looked at into sight. */
  setFocus() {
    const row = this.model.get("focus");
    if (row >= 0 && row < this.scatter.size && this.scatter.width) {
      const [x, y] = this.scatter.toScreen(row);
      const { width, height } = this.scatter;
      if (x < 4 || y < 4 || x > width - 4 || y > height - 4) this.scatter.pan(width / 2 - x, height / 2 - y);
    }
    this.redraw();
  }

  recolour() {
    const content = this.model.get("content");
    if (!content.palette) return;
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    const palette = content.palette[theme];
    this.scatter.background = hex(getComputedStyle(this.stage).getPropertyValue("--g-stage"));
    this.scatter.nothing = hex(content.nothing[theme]);
    this.scatter.palette = palette.map(hex);
    const codes = bytes(this.model.get("codes"));
    this.scatter.codes = codes.length === this.scatter.size ? codes : new Uint8Array(this.scatter.size).fill(255);
    const steps = palette.filter((_, n) => n % 12 === 0);
    this.legend.replaceChildren(h("span.g-muted.g-legend-column", {}, content.legend.name),
      h("span.g-number", {}, content.legend.low), h("span.g-ramp-bar", { style: `background:linear-gradient(90deg, ${steps.join(",")})` }), h("span.g-number", {}, content.legend.high));
    if (!content.placed) this.hint.textContent = "No positions are known: the project has no catalogue of these galaxies.";
    else this.hint.textContent = TOOLS[this.tool][2];
    this.stage.title = content.stretched ? "Not to scale: degrees of declination and of right ascension are drawn of different length" : "";
    this.stage.dataset.drawn = content.drawn ?? "";
    this.redraw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    const first = !this.scatter.width;
    const fitted = !first && near(this.scatter.view, this.scatter.fitted());
    this.scatter.resize(width, height, window.devicePixelRatio || 1);
    this.overlay.width = this.canvas.width;
    this.overlay.height = this.canvas.height;
    if (first) this.recolour(); // before, the panel was in no page and had no colours
    if (first || fitted) this.scatter.fit();
    this.draw();
  }

  redraw(moving = false) {
    clearTimeout(this.rest);
    if (moving) this.rest = setTimeout(() => this.redraw(), REST_MS);
    this.moving = moving;
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(this.moving); });
  }

  draw(quickly = false) {
    if (!this.scatter.width) return;
    this.scatter.draw(quickly);
    this.drawOver();
    const { k, x, y } = this.scatter.view;
    this.stage.dataset.view = JSON.stringify([k, x, y]);
  }

  drawOver() {
    const context = this.overlay.getContext("2d");
    const style = getComputedStyle(this.stage);
    const ratio = this.scatter.ratio ?? 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.scatter.width, this.scatter.height);
    if (this.model.get("content").placed) this.drawAxes(context, style);
    const row = this.model.get("focus");
    if (row >= 0 && row < this.scatter.size) {
      const [x, y] = this.scatter.toScreen(row);
      context.beginPath();
      context.arc(x, y, this.scatter.radius + 4, 0, 7);
      context.strokeStyle = style.getPropertyValue("--g-ink");
      context.lineWidth = 2.5;
      context.stroke();
    }
    if (this.drag?.moved && this.drag.tool !== "pan") {
      const path = this.drag.tool === "box" ? corners(this.drag.path) : this.drag.path;
      context.beginPath();
      path.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.fillStyle = style.getPropertyValue("--g-accent-wash");
      context.strokeStyle = style.getPropertyValue("--g-accent");
      context.lineWidth = 1.5;
      context.fill();
      context.stroke();
    }
  }

  /** Lines of right ascension and declination, with their degrees at the edges. */
  drawAxes(context, style) {
    const { ra, dec } = this.model.get("content");
    const { width, height } = this.scatter;
    const [[x0, y0], [x1, y1]] = [this.scatter.toData(0, height), this.scatter.toData(width, 0)];
    context.font = "10.5px system-ui, sans-serif";
    context.lineWidth = 1;
    const ink = style.getPropertyValue("--g-muted");
    const rule = style.getPropertyValue("--g-line");
    for (const value of ticks(ra[0] + ra[1] * x1, ra[0] + ra[1] * x0, width / 70)) {
      const [x] = [this.scatter.view.x + ((value - ra[0]) / ra[1]) * this.scatter.view.k];
      line(context, rule, x, 0, x, height);
      context.fillStyle = ink;
      context.textAlign = "center";
      if (x > 22 && x < width - 22) context.fillText(`${round(((value % 360) + 360) % 360)}°`, x, 12);
    }
    for (const value of ticks(dec[0] + dec[1] * y0, dec[0] + dec[1] * y1, height / 50)) {
      const y = this.scatter.view.y - ((value - dec[0]) / dec[1]) * this.scatter.view.k;
      line(context, rule, 0, y, width, y);
      context.fillStyle = ink;
      context.textAlign = "left";
      if (y > 22 && y < height - 22) context.fillText(`${round(value)}°`, 4, y - 3);
    }
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
    this.tools.querySelector(`[data-key=${tool}]`).checked = true;
  }

  zoom(factor, x = this.scatter.width / 2, y = this.scatter.height / 2) {
    this.scatter.zoom(factor, x, y);
    this.redraw(true);
  }

  fit() {
    if (!this.scatter.width) return;
    this.scatter.fit();
    this.redraw();
  }

  pressed(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.drag = { tool: this.tool, path: [this.place(event)], moved: false };
  }

  moved(event) {
    const at = this.place(event);
    if (!this.drag) {
      this.stage.classList.toggle("g-on-point", this.scatter.nearest(...at) >= 0);
      return;
    }
    const last = this.drag.path[this.drag.path.length - 1];
    const [dx, dy] = [at[0] - last[0], at[1] - last[1]];
    if (!this.drag.moved && Math.hypot(dx, dy) < 4) return;
    this.drag.moved = true;
    if (this.drag.tool === "pan") { this.scatter.pan(dx, dy); this.drag.path = [at]; }
    else if (this.drag.tool === "box") this.drag.path = [this.drag.path[0], at];
    else if (Math.hypot(dx, dy) >= 2) this.drag.path.push(at);
    this.redraw(this.drag.tool === "pan");
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
      this.model.send({ kind: "draw", shape: drag.tool, points: path.map(([x, y]) => this.scatter.toData(x, y)), mode: event.shiftKey ? "add" : event.altKey ? "remove" : "replace" });
    }
    this.redraw();
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey) return;
    const keys = {
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(),
      Escape: () => this.model.send({ kind: "wipe" }), m: () => this.choose("pan"), b: () => this.choose("box"), l: () => this.choose("lasso"),
    };
    if (ARROWS[event.key]) { this.scatter.pan(...ARROWS[event.key]); this.redraw(true); }
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const corners = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
const round = (value) => String(Math.round(value * 1e4) / 1e4);
const near = (a, b) => Math.abs(a.k - b.k) < 1e-6 && Math.abs(a.x - b.x) < 1 && Math.abs(a.y - b.y) < 1;
const hex = (text) => { const code = (text ?? "").trim().replace("#", ""); return code.length === 6 ? [0, 2, 4].map((i) => parseInt(code.slice(i, i + 2), 16)) : [128, 128, 128]; };

function line(context, colour, x0, y0, x1, y1) {
  context.strokeStyle = colour;
  context.globalAlpha = 0.8;
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
  context.globalAlpha = 1;
}

function ticks(low, high, most) {
  const step = STEPS_DEG.find((one) => (high - low) / one <= Math.max(most, 2)) ?? 90;
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high && found.length < 60; n++) found.push(n * step);
  return found;
}

export default { render };
