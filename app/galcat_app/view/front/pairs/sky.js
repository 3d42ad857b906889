// Where the pairs are on the sky: those of the list strong, the others faint; box and lasso list what they enclose.

const STEPS_DEG = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 90];

function render({ model, el }) {
  const view = new SkyView(model, el);
  return () => view.dispose();
}

class SkyView extends Handled {
  constructor(model, el) {
    super(model, el);
    this.scatter.sizing = 0.75;
    const on = (name, callback) => this.model.on(`change:${name}`, callback);
    on("points", () => this.setPoints());
    on("codes", () => { this.hover.clear(); this.recolour(); }); // tips tell the column of the colours
    on("content", () => this.recolour());
    on("listed", () => this.pick(this.model.get("listed")));
    on("focus", () => this.setFocus());
    on("said", () => this.hover.clear()); // what a tip tells of a pair may not be true any more
    this.setPoints();
    this.pick(this.model.get("listed"));
    this.resize();
  }

  get hints() {
    const { placed, stretched } = this.model.get("content");
    const unknown = "No positions are known: the project has no catalogue of these galaxies.";
    if (placed === 0) return { pan: unknown, box: unknown, lasso: unknown };
    return {
      pan: `Drag to move, scroll to zoom${stretched ? ". Not to scale" : ", click a pair"}`,
      box: "Drag a box; Shift adds, Alt takes away",
      lasso: "Draw around pairs; Shift adds, Alt takes away",
    };
  }

  escape() { this.model.send({ kind: "wipe" }); }

  build(el) {
    el.classList.add("galcat", "g-panel", "g-pair-sky");
    const stage = this.makeStage("Map of the sky. Escape forgets what was drawn. The list shows the same pairs.",
      { around: () => el.closest(".g-whole") ?? el, pictures: 2 });
    this.legend = h("div.g-legend");
    el.append(h("div.g-toolbar", {}, h("h2.g-title", {}, "On the sky"), h("span.g-gap"), this.tools,
      h("button.g-button.g-square", { "aria-label": "Show the whole sky map", title: "Show all (0)", onclick: () => this.fit() }, icon("M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4"))),
    stage, this.legend);
  }

  setPoints() {
    this.takePoints();
    this.fit();
  }

  recolour() {
    const content = this.model.get("content");
    if (!content.palette) return;
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    const palette = content.palette[theme];
    const steps = palette.filter((_, n) => n % 12 === 0);
    this.legend.replaceChildren(h("span.g-muted.g-legend-column", {}, content.legend.name),
      h("span.g-number", {}, content.legend.low), h("span.g-ramp-bar", { style: `background:linear-gradient(90deg, ${steps.join(",")})` }), h("span.g-number", {}, content.legend.high));
    this.hint.textContent = this.hints[this.tool];
    this.stage.dataset.drawn = content.drawn ?? "";
    this.takeColours(palette, content.nothing[theme]);
  }

  /** Lines of right ascension and declination, with their degrees at the edges. */
  drawUnder(context, style) {
    const { ra, dec, placed } = this.model.get("content");
    if (!placed) return;
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
}

const round = (value) => String(Math.round(value * 1e4) / 1e4);

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
