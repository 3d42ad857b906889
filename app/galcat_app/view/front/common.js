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

/** A choice of one of a few, as buttons that stand together; `icons` are shown instead of the names. */
function segments(label, names, chosen, pick, icons = {}) {
  const group = uniqueId();
  return h("div.g-segments", { role: "radiogroup", "aria-label": label }, Object.entries(names).map(([key, name]) => {
    const id = uniqueId();
    const shown = icons[key] ? [icon(...icons[key]), h("span.g-unseen", {}, name)] : name;
    return h("span.g-segment", {},
      h("input", { type: "radio", id, name: group, value: key, checked: key === chosen, "data-key": key, onchange: () => pick(key) }),
      h("label", { for: id, title: icons[key] ? name : null }, shown));
  }));
}

/** A command to copy; it breaks between its words alone. */
function commandLine(text) {
  const code = h("code");
  const button = h("button.g-button.g-quiet.g-copy", { type: "button", onclick: async () => {
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(code); button.textContent = "Selected"; }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  } }, "Copy");
  const box = h("div.g-command", {}, code, button);
  box.setText = (now) => {
    if (code.textContent === now) return;
    code.replaceChildren(...now.split(" ").flatMap((word, n) => [n ? " " : "", h("span.g-word", {}, word)]));
    button.setAttribute("aria-label", `Copy: ${now}`);
    button.dataset.key = `copy ${now}`;
  };
  box.setText(text);
  return box;
}
