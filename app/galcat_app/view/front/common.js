// Shared by all panels: elements, theme, pictures by row. Each panel's file is appended to this one.

const SVG = ["svg", "path", "rect", "circle", "ellipse", "line", "g", "text", "polyline", "filter",
  "feColorMatrix", "feComponentTransfer", "feFuncR", "feFuncG", "feFuncB"];

/** h("button.primary", {onclick, "aria-label": "Close"}, "text", child) -> element. Text is never HTML. */
function h(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const svg = SVG.includes(tag);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  if (classes.length) made.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** An icon of strokes, 20 by 20; `paths` are SVG path data. */
function icon(...paths) {
  return h("svg.g-icon", { viewBox: "0 0 20 20", "aria-hidden": "true" },
    paths.map((d) => h("path", { d })));
}

const commas = (number) => Number(number).toLocaleString("en-US");
const uniqueId = () => `g-${Math.random().toString(36).slice(2, 10)}`;

/** An address of this server with the token of this page, so that a link also works without cookies. */
function withToken(href) {
  const token = new URLSearchParams(location.search).get("token");
  return token ? `${href}${href.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}` : href;
}

/** Bytes from Python, whatever view they come as. */
const bytes = (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** "light" or "dark": chosen in the page, else as JupyterLab is, else as the system is. */
function resolveTheme() {
  let chosen = null;
  try { chosen = localStorage.getItem("galcat-theme"); } catch { /* storage is forbidden here */ }
  if (chosen === "light" || chosen === "dark") return chosen;
  const lab = document.body?.dataset;
  if (lab && lab.jpThemeLight && !lab.voila) return lab.jpThemeLight === "true" ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function applyTheme() {
  const root = document.documentElement;
  const theme = resolveTheme();
  if (root.dataset.galcatTheme !== theme) root.dataset.galcatTheme = theme;
  return theme;
}

/** Call back now and whenever the theme changes; returns what ends it. */
function onTheme(callback) {
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", applyTheme);
  const lab = new MutationObserver(applyTheme);
  lab.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const root = new MutationObserver(() => callback(document.documentElement.dataset.galcatTheme));
  root.observe(document.documentElement, { attributes: true, attributeFilter: ["data-galcat-theme"] });
  callback(applyTheme());
  return () => {
    media.removeEventListener("change", applyTheme);
    lab.disconnect();
    root.disconnect();
  };
}

/** <img> of the bytes of a JPEG or PNG; its blob is let go when the picture is decoded. */
function picture(file, alt, props = {}) {
  const data = bytes(file);
  const url = URL.createObjectURL(new Blob([data], { type: data[0] === 0x89 ? "image/png" : "image/jpeg" }));
  const image = h("img", { alt, draggable: "false", ...props });
  image.onload = image.onerror = () => URL.revokeObjectURL(url);
  image.src = url;
  return image;
}

/** What the map shows of a galaxy on hover, fetched from Python in small batches and kept. */
class Looks {
  constructor(model, arrived) {
    this.model = model;
    this.kept = new Map();
    this.wanted = [];
    this.asked = new Set();
    this.inFlight = 0;
    this.batch = 32;
    this.most = 1500;
    model.on("msg:custom", (message, buffers) => {
      if (message.kind !== "looks") return;
      this.inFlight = Math.max(0, this.inFlight - 1);
      for (const look of message.looks) {
        for (const shown of look.pictures) {
          shown.url = URL.createObjectURL(
            new Blob([bytes(buffers[shown.buffer])], { type: "image/jpeg" }));
          shown.image = new Image();
          shown.image.src = shown.url;
        }
        this.kept.set(look.row, look);
        this.asked.delete(look.row);
      }
      this.forget();
      arrived(message.looks);
      this.ask();
    });
  }

  get(row) { return this.kept.get(row); }

  /** Ask for rows; an urgent one goes before all others and waits for nothing. */
  want(rows, urgent = false) {
    const missing = rows.filter((row) => !this.kept.has(row) && !this.asked.has(row));
    this.wanted = urgent ? [...missing, ...this.wanted] : missing;
    this.ask(urgent);
  }

  ask(urgent = false) {
    if (!this.wanted.length || (this.inFlight >= 2 && !urgent)) return;
    const rows = [...new Set(this.wanted)].slice(0, this.batch);
    this.wanted = this.wanted.filter((row) => !rows.includes(row));
    rows.forEach((row) => this.asked.add(row));
    this.inFlight += 1;
    this.model.send({ kind: "look", rows });
  }

  forget() {
    for (const [row, look] of this.kept) {
      if (this.kept.size <= this.most) break;
      look.pictures.forEach((shown) => URL.revokeObjectURL(shown.url));
      this.kept.delete(row);
    }
  }

  clear() {
    this.kept.forEach((look) => look.pictures.forEach((shown) => URL.revokeObjectURL(shown.url)));
    this.kept.clear();
    this.asked.clear();
    this.wanted = [];
    this.inFlight = 0;
  }
}
