// A plane of points that is seen through a window: what stands on it, its colours, rings and shapes. See hand.js for what is done to it.

const TOOL_NAMES = { pan: "Move", box: "Box", lasso: "Lasso" };
const TOOL_ICONS = {
  pan: ["M10 3v14M3 10h14M10 3l-2 2M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2"],
  box: ["M4 5h12v10H4z"],
  lasso: ["M10 4c4 0 7 1.8 7 4.2S14 12.5 10 12.5 3 10.6 3 8.2 6 4 10 4zM6.5 12c-1.5 1-1.5 3 .5 3s1 2-1 2"],
};
const REST_MS = 140; // after so long without movement the points are drawn at their best

/**
 * A subclass gives `build(el)`, in which it makes the stage (`makeStage`), `recolour()`, `hints` for each tool,
 * and what it draws below rings and shapes (`drawUnder`).
 */
class Plane {
  constructor(model, el) {
    this.model = model;
    this.tool = "pan";
    this.drag = null;
    this.build(el);
    this.scatter = new Scatter(this.canvas);
    this.undo = [onTheme(() => this.recolour())];
    const sized = new ResizeObserver(() => this.resize());
    sized.observe(this.stage);
    this.undo.push(() => sized.disconnect());
  }

  dispose() {
    this.undo.forEach((end) => end());
    this.hover.clear();
  }

  // ---- what is there ------------------------------------------------------------------------

  /** The stage, its tools and what stands beside the pointer. */
  makeStage(label, tipping) {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.overlay = h("canvas.g-overlay", { "aria-hidden": "true" });
    this.hint = h("p.g-hint", {}, this.hints.pan);
    this.stage = h("div.g-stage", { tabindex: "0", role: "group", "data-own-keys": true, "aria-label": `${label} Arrow keys move it, plus and minus zoom, 0 shows all, Shift and an arrow key points at the next one, Enter looks at it.` },
      this.canvas, this.overlay, this.hint);
    this.hover = new Hover(this.model, this.stage, tipping);
    this.tools = segments("Tool", TOOL_NAMES, this.tool, (tool) => this.choose(tool), TOOL_ICONS);
    return this.stage;
  }

  choose(tool) {
    this.tool = tool;
    this.stage.dataset.tool = tool;
    this.hint.textContent = this.hints[tool];
    this.tools.querySelector(`[data-key=${tool}]`).checked = true;
  }

  /** Take the points that the model has now. */
  takePoints() {
    this.hover.clear();
    this.scatter.setPoints(new Float32Array(bytes(this.model.get("points")).slice().buffer));
  }

  /** Let those points stand out of which one bit each says so; all where there are no bits. */
  pick(packed) {
    const bits = bytes(packed);
    const mask = bits.length ? new Uint8Array(this.scatter.size) : null;
    for (let i = 0; mask && i < mask.length; i++) mask[i] = (bits[i >> 3] >> (i & 7)) & 1;
    this.scatter.selected = mask;
    this.redraw();
  }

  /** Colour the points by the model's codes, as the theme wants it. */
  takeColours(palette, nothing) {
    const codes = bytes(this.model.get("codes"));
    this.scatter.background = rgb(getComputedStyle(this.stage).getPropertyValue("--g-stage"));
    this.scatter.nothing = rgb(nothing);
    this.scatter.palette = palette.map(rgb);
    this.scatter.codes = codes.length === this.scatter.size || !this.scatter.size
      ? codes : new Uint8Array(this.scatter.size).fill(255);
    this.redraw();
  }

  fit() {
    if (!this.scatter.width) return;
    this.scatter.fit();
    this.hover.show();
    this.redraw();
  }

  /** Bring the point that is looked at into sight. */
  setFocus() {
    this.reveal(this.model.get("focus"));
    this.hover.show();
    this.redraw();
  }

  reveal(row) {
    if (!(row >= 0 && row < this.scatter.size) || !this.scatter.width) return;
    const [x, y] = this.scatter.toScreen(row);
    if (!this.inSight(x, y)) this.scatter.pan(this.scatter.width / 2 - x, this.scatter.height / 2 - y);
  }

  inSight(x, y, margin = 12) {
    const { width, height } = this.scatter;
    return !(x < margin || y < margin || x > width - margin || y > height - margin);
  }

  // ---- drawing ------------------------------------------------------------------------------

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
    clearTimeout(this.rest);
    if (moving) this.rest = setTimeout(() => this.redraw(), REST_MS);
    this.moving = moving;
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(this.moving); });
  }

  draw(quickly = false) {
    if (!this.scatter.width) return;
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
    this.drawUnder(context, style);
    this.ring(context, style, this.model.get("focus"), 2.5);
    this.ring(context, style, this.hover.row, 1.25);
    if (this.drag?.path.length > 1 && this.drag.tool !== "pan") this.drawShape(context, style);
  }

  drawUnder() {}

  ring(context, style, row, width) {
    if (row < 0 || row >= this.scatter.size) return;
    const [x, y] = this.scatter.toScreen(row);
    context.beginPath();
    context.arc(x, y, this.scatter.radius + 3.5, 0, 7);
    context.strokeStyle = style.getPropertyValue("--g-ink");
    context.lineWidth = width;
    context.stroke();
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
}

const boxPath = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

function rgb(text) {
  const hex = (text ?? "").trim().replace("#", "");
  return hex.length === 6 ? [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)) : [128, 128, 128];
}
