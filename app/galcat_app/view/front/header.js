// The top of every page: the project, its counts, search, theme; and below it what went wrong.

const PING_EVERY = 20000;
const PONG_WITHIN = 12000;

function render({ model, el }) {
  el.classList.add("galcat", "g-header");
  const send = (message) => model.send(message);
  const bar = h("header.g-bar");
  const lost = h("p.g-lost", { role: "alert", hidden: true },
    "galcat does not answer. If it was stopped, start it again (galcat app), then reload this page. ",
    h("button.g-link", { onclick: () => location.reload() }, "Reload"));
  const said = h("p.g-said", { role: "status", "aria-live": "polite" });
  const remarks = h("div.g-remarks");
  const search = searchBox(send);
  const theme = h("button.g-button.g-square.g-quiet", { onclick: switchTheme });
  el.append(bar, lost, remarks, said);

  function fill() {
    const content = model.get("content");
    document.title = `${content.page} · ${content.project} · galcat`;
    search.box.hidden = !content.searchable;
    bar.replaceChildren(
      h("a.g-mark", { href: withToken(content.home), "aria-label": "galcat, first page" }, galaxy(), "galcat"),
      h("nav", { "aria-label": "Pages" }, content.pages.map((page) => h("a.g-page", { href: withToken(page.href), "aria-current": page.current ? "page" : null }, page.name))),
      h("h1.g-project", {}, content.project),
      h("p.g-counts", {}, content.counts.map(([count, name]) => h("span", {}, h("strong", {}, count), ` ${name}`))),
      h("span.g-gap"), search.box, theme);
    remarks.replaceChildren(...content.remarks.map((text) => h("p", {}, text)),
      ...(content.stale ? [h("p", {}, "The files of this project have changed. ", h("button.g-link", { onclick: () => send({ kind: "refresh" }) }, "Show the new ones"))] : []));
  }

  let hide = 0;
  function say() {
    const { text, kind } = model.get("said");
    said.textContent = text;
    said.className = `g-said ${text ? "g-shown" : ""} g-${kind}`;
    clearTimeout(hide);
    if (text) hide = setTimeout(() => said.classList.remove("g-shown"), kind === "error" ? 12000 : 6000);
  }

  function setTheme(name) {
    theme.setAttribute("aria-label", name === "dark" ? "Switch to light" : "Switch to dark");
    theme.title = theme.getAttribute("aria-label");
    theme.replaceChildren(name === "dark"
      ? icon("M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M4.3 15.7l1.4-1.4M14.3 5.7l1.4-1.4")
      : icon("M16 12.5A6.5 6.5 0 0 1 7.5 4a6.5 6.5 0 1 0 8.5 8.5z"));
  }

  // The kernel answers as long as it lives; it also looks whether the project's files changed.
  let waiting = 0;
  const ping = () => {
    if (document.hidden) return;
    waiting = waiting || setTimeout(() => { lost.hidden = false; }, PONG_WITHIN);
    try { send({ kind: "ping" }); } catch { lost.hidden = false; } // the connection is known to be dead
  };
  const answered = (message) => {
    if (message.kind === "pong") { clearTimeout(waiting); waiting = 0; lost.hidden = true; }
    if (message.kind === "suggest") search.suggest(message.ids);
  };
  model.on("change:content", fill);
  model.on("change:said", say);
  model.on("msg:custom", answered);
  fill();
  say();
  const ended = onTheme(setTheme);
  const timer = setInterval(ping, PING_EVERY);
  send({ kind: "hello" });
  return () => { ended(); clearInterval(timer); clearTimeout(waiting); clearTimeout(hide); };
}

function searchBox(send) {
  const id = uniqueId();
  const list = h("datalist", { id: `${id}-list` });
  const input = h("input.g-input", { id, type: "search", placeholder: "Id or RA, Dec", autocomplete: "off", spellcheck: "false", list: `${id}-list`, maxlength: "64",
    oninput: () => send({ kind: "search", text: input.value }) });
  const box = h("form.g-search", { role: "search", onsubmit: (e) => { e.preventDefault(); send({ kind: "find", text: input.value }); } },
    h("label.g-unseen", { for: id }, "Find a galaxy by its id or its coordinates"), input, list);
  return { box, suggest: (ids) => list.replaceChildren(...ids.map((value) => h("option", { value }))) };
}

function switchTheme() {
  const next = document.documentElement.dataset.galcatTheme === "dark" ? "light" : "dark";
  try { localStorage.setItem("galcat-theme", next); } catch { /* kept for this page only */ }
  document.documentElement.dataset.galcatTheme = next;
}

/** The sign of galcat: a small spiral. */
function galaxy() {
  return h("svg.g-galaxy", { viewBox: "0 0 32 32", "aria-hidden": "true" },
    h("path", { d: "M16 16c2-5 8-6 10-1 2 6-4 12-11 12C8 27 4 22 5 16" }),
    h("path", { d: "M16 16c-2 5-8 6-10 1-2-6 4-12 11-12 7 0 11 5 10 11" }),
    h("circle", { cx: 16, cy: 16, r: 2.6 }));
}


export default { render };
