// The stretch of the pictures, in the browser alone: one SVG filter that all pictures of a page go through.

const STEPS = 128;
const BANDS = { all: "Colour", r: "R", g: "G", b: "B" };
const NEUTRAL = { black: 0, white: 1, gamma: 1, inverted: false, band: "all" };

class Stretch {
  /** `page()` returns the element under which pictures of class g-sky-picture are stretched. */
  constructor(page) {
    this.page = page;
    this.now = { ...NEUTRAL };
    this.id = uniqueId();
    this.matrix = h("feColorMatrix", { type: "matrix" });
    this.curves = ["feFuncR", "feFuncG", "feFuncB"].map((name) => h(name, { type: "table" }));
    this.svg = h("svg.g-stretch-filter", { "aria-hidden": "true", width: 0, height: 0 },
      h("filter", { id: this.id, x: "0", y: "0", width: "1", height: "1", "color-interpolation-filters": "sRGB" },
        this.matrix, h("feComponentTransfer", {}, this.curves)));
    this.sliders = {
      black: this.slider("Black", "black", 0, 0.9, 0.01), white: this.slider("White", "white", 0.1, 1, 0.01),
      gamma: this.slider("Gamma", "gamma", 0.3, 3, 0.05),
    };
    const invertId = uniqueId();
    this.invert = h("input", { type: "checkbox", id: invertId, onchange: (e) => this.set({ inverted: e.target.checked }) });
    this.bands = h("div.g-segments", { role: "radiogroup", "aria-label": "Band" }, Object.entries(BANDS).map(([key, name]) => {
      const id = uniqueId();
      return h("span.g-segment", {}, h("input", { type: "radio", id, name: this.id, value: key, checked: key === "all", "data-band": key, onchange: () => this.set({ band: key }) }),
        h("label", { for: id, "data-band": key }, name));
    }));
    this.reset = h("button.g-link", { disabled: true, onclick: () => this.set({ ...NEUTRAL }) }, "Reset");
    this.controls = h("div.g-stretch", { role: "group", "aria-label": "Stretch of the pictures" },
      Object.values(this.sliders).map(({ row }) => row),
      h("div.g-stretch-line", {}, this.bands,
        h("span.g-check", {}, this.invert, h("label", { for: invertId }, "Inverted")), h("span.g-gap"), this.reset));
  }

  slider(label, key, min, max, step) {
    const id = uniqueId();
    const shown = h("output.g-number", { for: id });
    const input = h("input", { id, type: "range", min, max, step, value: NEUTRAL[key], "data-stretch": key,
      oninput: (e) => this.set({ [key]: Number(e.target.value) }) });
    return { row: h("div.g-slider", {}, h("label", { for: id }, label), input, shown), input, shown };
  }

  setBands(names) {
    ["r", "g", "b"].forEach((key, n) => {
      this.bands.querySelector(`label[data-band=${key}]`).textContent = names[n] || BANDS[key];
    });
  }

  set(changes) {
    const now = { ...this.now, ...changes };
    if (now.white < now.black + 0.02) {
      if ("black" in changes) now.white = Math.min(1, now.black + 0.02);
      else now.black = Math.max(0, now.white - 0.02);
    }
    this.now = now;
    this.show();
    this.apply();
  }

  show() {
    const { now } = this;
    for (const [key, { input, shown }] of Object.entries(this.sliders)) {
      input.value = now[key];
      shown.textContent = now[key].toFixed(2);
    }
    this.invert.checked = now.inverted;
    this.bands.querySelector(`input[data-band=${now.band}]`).checked = true;
  }

  apply() {
    const { black, white, gamma, inverted, band } = this.now;
    const one = { r: "1 0 0", g: "0 1 0", b: "0 0 1" }[band];
    const rows = one ? [one, one, one] : ["1 0 0", "0 1 0", "0 0 1"];
    this.matrix.setAttribute("values", `${rows.map((row) => `${row} 0 0`).join(" ")} 0 0 0 1 0`);
    const table = Array.from({ length: STEPS + 1 }, (_, n) => {
      const level = Math.min(Math.max((n / STEPS - black) / (white - black), 0), 1) ** (1 / gamma);
      return (inverted ? 1 - level : level).toFixed(4);
    }).join(" ");
    this.curves.forEach((curve) => curve.setAttribute("tableValues", table));
    const neutral = Object.keys(NEUTRAL).every((key) => this.now[key] === NEUTRAL[key]);
    this.reset.disabled = neutral;
    const page = this.page();
    page.style.setProperty("--g-stretch", neutral ? "none" : `url(#${this.id})`);
    page.classList.toggle("g-inverted", inverted);
  }
}
