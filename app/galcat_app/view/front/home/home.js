// The first page: how far the project is, what to do next, its pictures, networks, jobs, reports, files.

const LOOK_EVERY = 5000;
const LOOK_EVERY_LIVE = 1500;

function render({ model, el }) {
  el.classList.add("galcat", "g-home", "g-flow", "g-here");
  const send = (message) => model.send(message);
  // a section is drawn again only when it changed, so that nothing flickers and the focus stays
  const sections = {
    demo: demoSection, stages: stagesSection, next: nextSection, map: mapSection, pictures: picturesSection,
    networks: networksSection, jobs: jobsSection, reports: reportsSection, tables: tablesSection,
  };
  const boxes = {};
  const drawn = {};
  for (const name of Object.keys(sections)) boxes[name] = h(`section.g-panel.g-box.g-box-${name}`, { hidden: true });
  const side = h("div.g-aside", {}, boxes.reports, boxes.jobs);
  el.append(...Object.values(boxes).filter((box) => !side.contains(box)));
  boxes.networks.after(side);

  function fill() {
    const content = model.get("content");
    for (const [name, draw] of Object.entries(sections)) {
      const text = JSON.stringify([content[name], content.empty, content.demo?.live, mayTrain(content), name === "tables" ? content.pictures : null]);
      if (drawn[name] === text) continue;
      drawn[name] = text;
      redraw(boxes[name], draw(content, model, send));
    }
    el.classList.toggle("g-with-map", Boolean(content.map));
    el.classList.toggle("g-is-empty", content.empty && !content.demo);
  }

  const repaint = () => { drawn.map = null; fill(); };
  const again = () => { drawn.pictures = null; fill(); };
  model.on("change:content", fill);
  model.on("change:rows", again);
  model.on("change:points", repaint);
  fill();
  const ended = onTheme(repaint);
  let timer = 0;
  const look = () => {
    const live = model.get("content").jobs.some((job) => job.live);
    timer = setTimeout(look, live ? LOOK_EVERY_LIVE : LOOK_EVERY);
    if (!document.hidden && el.isConnected) { try { send({ kind: "look" }); } catch { /* the header tells it */ } }
  };
  timer = setTimeout(look, LOOK_EVERY_LIVE);
  return () => { ended(); clearTimeout(timer); };
}

/** Put new children into a box; what had the focus, or was open, has it again. */
function redraw(box, children) {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = [...box.querySelectorAll("details[open]")].map((one) => one.dataset.key);
  box.hidden = !children;
  box.replaceChildren(...(children ?? []).flat(Infinity).filter(Boolean));
  for (const key of open) box.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
  if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// ---- the way, and the next step -----------------------------------------------------------------

function stagesSection({ stages, empty, demo }) {
  if (empty && !demo) return wayAhead(stages);
  const next = stages.findIndex((stage) => !stage.done);
  return [h("h2.g-unseen", {}, "How far this project is"), h("ol.g-way", {}, stages.map((stage, n) => {
    const state = stage.done ? "done" : n === next ? "next" : "open";
    const inside = [
      h("span.g-way-mark", { "aria-hidden": "true" }, stage.done ? icon("M5 10.5l3.2 3.2L15 7") : String(n + 1)),
      h("span.g-way-text", {}, h("span.g-way-name", {}, stage.name),
        h("span.g-way-count", {}, stage.count ? h("strong", {}, stage.count) : null,
          stage.count ? ` ${stage.what}` : stage.done ? stage.what : h("span", {}, state === "next" ? "next" : "not yet"))),
    ];
    return h("li", { "data-state": state },
      stage.done && stage.href ? h("a.g-way-step", { href: withToken(stage.href) }, inside) : h("span.g-way-step", {}, inside));
  }))];
}

/** What an empty project will go through, in words. */
function wayAhead(stages) {
  return [heading("From tables to a map"), h("ol.g-way.g-way-ahead", {}, stages.map((stage, n) => h("li", {},
    h("span.g-way-step", {}, h("span.g-way-mark", { "aria-hidden": "true" }, String(n + 1)),
      h("span.g-way-text", {}, h("span.g-way-name", {}, stage.name), h("span.g-way-meaning", {}, stage.meaning))))))];
}

function nextSection({ next, demo }, model, send) {
  if (next.begin) return beginSection(next, send);
  if (demo?.live) return null;
  return [
    h("div.g-home-next", {},
      h("p.g-eyebrow", {}, "Next step"),
      h("h2.g-headline", {}, next.title),
      h("p.g-lead", {}, next.text),
      commandList(next.commands),
      next.page ? h("p.g-home-actions", {}, h(`a.g-button${next.commands.length ? "" : ".g-home-primary"}`, { href: withToken(next.page.href), "data-key": "page" }, `Open ${next.page.name}`)) : null),
  ];
}

function beginSection(next, send) {
  const name = uniqueId();
  let size = next.sizes[0].key;
  const start = h("button.g-button.g-home-primary.g-home-large", { "data-key": "start",
    onclick: (e) => { e.currentTarget.disabled = true; e.currentTarget.textContent = "Starting …"; send({ kind: "start", size });
      setTimeout(() => { start.disabled = false; start.textContent = "Start the simulated survey"; }, 8000); } }, "Start the simulated survey");
  return [h("div.g-begin", {},
    h("div.g-begin-main", {},
      h("p.g-eyebrow", {}, "This project is still empty"),
      h("h2.g-headline", {}, next.title),
      h("p.g-lead", {}, next.text),
      h("div.g-home-choices", { role: "radiogroup", "aria-label": "How large" }, next.sizes.map(({ key, what }) => {
        const id = uniqueId();
        return h("div.g-home-choice", {}, h("input", { type: "radio", id, name, value: key, checked: key === size, "data-key": key, onchange: () => { size = key; } }),
          h("label", { for: id }, h("strong", {}, key === "quick" ? "A quick look" : "The whole demonstration"), h("span", {}, what)));
      })),
      h("p.g-home-actions", {}, start),
      h("p.g-muted.g-home-small", {}, "It runs on the machine of this page, goes on when the page is closed, and goes on where it was when it is stopped. The same from the command line:"),
      commandLine(next.command)),
    h("div.g-begin-own", {},
      h("h2.g-box-title", {}, "Or bring your own galaxies"),
      h("p.g-muted.g-home-small", {}, "In a terminal, in the folder ", h("code.g-code", {}, next.folder), ":"),
      next.own.map((way) => h("div.g-own", {}, h("h3", {}, way.title), way.commands.map((text) => commandLine(text))))))];
}

function commandList(commands) {
  if (!commands.length) return null;
  return h(commands.length > 1 ? "ol.g-steps" : "ul.g-steps", {}, commands.map(([text, what]) => h("li", {},
    h("span.g-muted.g-home-small", {}, what), commandLine(text))));
}

// ---- jobs ---------------------------------------------------------------------------------------

function demoSection({ demo }, model, send) {
  if (!demo) return null;
  const steps = demo.steps || 5;
  const bars = Array.from({ length: steps }, (_, n) => {
    const done = n + 1 < demo.step ? 1 : n + 1 === demo.step ? (demo.fraction ?? 0.06) : 0;
    return h("span.g-lap", { "data-now": n + 1 === demo.step }, h("span", { style: `width:${(100 * done).toFixed(0)}%` }));
  });
  const title = demo.live ? (demo.state === "running" ? "The simulated survey is being made" : `The simulated survey is ${demo.state}`)
    : `The simulated survey ${demo.state === "failed" ? "has failed" : "was stopped"}`;
  return [h("div.g-demo", { "data-state": demo.state },
    h("div.g-demo-head", {},
      h("div", {}, h("p.g-eyebrow", {}, dot(demo.state), demo.id, " · ", demo.state, ", begun ", demo.created),
        h("h2.g-headline", {}, title)),
      demo.live ? h("button.g-button", { "data-key": "stop", onclick: () => send({ kind: "cancel", job: demo.id }) }, "Stop")
        : h("button.g-button.g-home-primary", { "data-key": "go", onclick: () => send({ kind: "resume", job: demo.id }) }, "Go on")),
    h("div.g-laps", { role: "progressbar", "aria-label": "Steps of the simulated survey", "aria-valuemin": "0", "aria-valuemax": String(steps), "aria-valuenow": String(Math.max(0, demo.step - (demo.live ? 1 : 0))), "aria-valuetext": `step ${demo.step} of ${steps}` }, bars),
    h("p.g-doing", {}, demo.step ? [h("strong", {}, `Step ${demo.step} of ${steps}. `), demo.doing] : "It begins …"),
    demo.reason && !demo.live ? h("p.g-reason", { role: "alert" }, demo.reason) : null,
    demo.log.length ? [h("p.g-said-last", {}, demo.said), h("details.g-home-log", { "data-key": "log" }, h("summary", {}, "Its last words"), h("pre", { tabindex: "0" }, demo.log.join("\n")))] : null)];
}

/** Whether it is time to speak of jobs and reports: there are pictures to learn from, or a network. */
const mayTrain = ({ pictures, networks }) => pictures.length > 0 || networks.every.length > 0;

function jobsSection(content) {
  const { jobs, demo } = content;
  if (!jobs.length && !mayTrain(content)) return null;
  const shown = jobs.filter((job) => job.id !== demo?.id);
  if (!shown.length && demo) return null;
  return [heading("Jobs", shown.length ? null : "none yet"),
    shown.length ? h("ul.g-jobs", {}, shown.map((job) => h("li", {},
      h("p.g-job-head", {}, dot(job.state), h("strong", {}, job.id), h("span.g-muted", {}, job.state), h("span.g-gap"), h("span.g-muted.g-number", { title: job.created }, job.created.slice(5, 16))),
      h("p.g-job-command", { title: job.command }, job.command),
      job.live && job.said ? h("p.g-said-last", {}, job.said) : null,
      job.reason && !job.live ? h("p.g-reason", {}, job.reason) : null,
      job.fraction !== null && job.live ? h("span.g-lap", {}, h("span", { style: `width:${(100 * job.fraction).toFixed(0)}%` })) : null)))
      : h("p.g-hint-text", {}, "A training that is started as a job goes on without this page, here or on a cluster:"),
    shown.length ? null : commandLine("galcat train … --on local"),
  ];
}

function dot(state) {
  return h("span.g-home-state", { "data-state": state, "aria-hidden": "true" });
}

// ---- what there is ------------------------------------------------------------------------------

function heading(title, aside, link) {
  return h("div.g-box-head", {}, h("h2.g-box-title", {}, title), aside ? h("span.g-muted", {}, aside) : null, h("span.g-gap"),
    link?.href ? h("a.g-go", { href: withToken(link.href) }, link.name, icon("M8 5l5 5-5 5")) : null);
}

function mapSection({ map }, model) {
  if (!map) return null;
  const canvas = h("canvas.g-mini", { role: "img", "aria-label": `${map.method} map of ${commas(map.rows)} galaxies` });
  const theme = document.documentElement.dataset.galcatTheme ?? "light";
  requestAnimationFrame(() => paint(canvas, model.get("points"), map, theme));
  const ends = map.counts.map(({ name, count, positive }) => h("li", {},
    h("span.g-dot", { style: `background:${map.ramp[theme].at(positive ? -1 : 0)}` }), h("strong", {}, commas(count)), ` ${name}`));
  return [heading("Map", map.method, { name: "Explore", href: map.href }),
    map.href ? h("a.g-mini-link", { href: withToken(map.href), "aria-label": "Explore the map" }, canvas) : canvas,
    ends.length ? h("ul.g-home-keys", {}, ends) : null];
}

function paint(canvas, data, map, theme) {
  const box = canvas.getBoundingClientRect();
  if (!box.width || !data?.byteLength) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = box.width * ratio;
  canvas.height = box.height * ratio;
  const view = bytes(data);
  const points = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const context = canvas.getContext("2d");
  const count = points.length / 3;
  const [x, y] = [axis(points, 0), axis(points, 1)];
  const scale = 0.92 * Math.min(canvas.width / x.width, canvas.height / y.width);
  const place = (n) => [canvas.width / 2 + (points[3 * n] - x.middle) * scale, canvas.height / 2 - (points[3 * n + 1] - y.middle) * scale];
  const radius = Math.max(1.1, Math.min(3.2, 60 / Math.sqrt(count) + 0.6)) * ratio;
  context.globalAlpha = count > 1500 ? 0.6 : 0.8;
  const ramp = map.ramp[theme];
  for (let n = 0; n < count; n += 1) {
    const p = points[3 * n + 2];
    context.fillStyle = Number.isNaN(p) ? map.nothing[theme] : ramp[Math.round(Math.max(0, Math.min(1, p)) * (ramp.length - 1))];
    context.beginPath();
    context.arc(...place(n), radius, 0, 7);
    context.fill();
  }
}

/** Middle and width of the points in x (0) or y (1). */
function axis(points, first) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = first; n < points.length; n += 3) { low = Math.min(low, points[n]); high = Math.max(high, points[n]); }
  return { middle: (low + high) / 2, width: high - low || 1 };
}

function picturesSection({ pictures, pairsHref }, model) {
  if (!pictures.length) return null;
  const rows = model.get("rows");
  const twins = rows.length === 2 && rows[0].survey !== rows[1].survey;
  const told = pictures.map((store) => [
    h("strong", {}, store.name), store.broken ? "" : ` ${commas(store.count)}`,
    store.broken ? " cannot be read" : store.whole ? "" : ` (not finished: ${store.shards_done} of ${store.shards} parts)`,
    store.rejected ? `, ${commas(store.rejected)} rejected` : ""]);
  return [
    heading("Pictures", null, twins ? { name: "Pairs", href: pairsHref } : null),
    rows.length ? h("div.g-strips", {}, rows.map((row) => h("div.g-strip", {}, h("span.g-strip-name", {}, row.survey),
      h("ul", { "aria-label": `Pictures from ${row.survey}` }, row.pictures.map(([id, jpeg]) => h("li", {}, picture(jpeg, `${row.survey} galaxy ${id}`, { title: id }))))))) : null,
    h("p.g-home-told", {}, told.map((one) => h("span", {}, one)), twins ? h("span", {}, "each column is one galaxy, seen by both") : null)];
}

function networksSection({ networks, empty }) {
  if (empty || !networks.every.length) return null;
  const { best, every } = networks;
  return [heading("Networks", every.length > 1 ? commas(every.length) : null),
    best ? bestOf(best) : null,
    h("div.g-scroll", { tabindex: "0", role: "region", "aria-label": "All networks" }, h("table.g-table.g-networks", {},
      h("thead", {}, h("tr", {}, ["network", "learnt from", "epochs", "accuracy", "ROC AUC", "on"].map((name, n) => h("th", { scope: "col", class: n > 1 && n < 5 ? "g-home-right" : null }, name)))),
      h("tbody", {}, every.map((one) => {
        const score = one.scores[0];
        return h("tr", {},
          h("th", { scope: "row" }, dot(one.status), one.path, one.best ? h("span.g-home-badge", {}, "best") : null, one.status === "finished" ? null : h("span.g-muted", {}, one.broken ? " cannot be read" : ` ${one.status}`)),
          one.broken ? h("td.g-note", { colspan: 5, title: one.broken }, one.broken) : [
          h("td", {}, one.survey, one.parent ? h("span.g-muted", {}, ` after ${one.parent}`) : null),
          h("td.g-home-right", {}, one.epochs ? String(one.epochs) : "–"),
          h("td.g-home-right", {}, percent(score ? score.accuracy[0] : one.val_accuracy)),
          h("td.g-home-right", {}, score?.roc_auc[0] != null ? score.roc_auc[0].toFixed(3) : "–"),
          h("td", {}, score ? score.test_set : one.val_accuracy != null ? "validation" : "–")]);
      }))))];
}

function bestOf(best) {
  const score = best.scores[0];
  const big = score ? score.accuracy[0] : best.val_accuracy;
  return h("div.g-home-best", {},
    h("div.g-best-figure", {}, h("p.g-big", {}, big == null ? "–" : (100 * big).toFixed(1), h("small", {}, "% right")),
      h("p.g-muted.g-home-small", {}, score ? `${score.test_set}, ${commas(score.n)} galaxies` : "on its validation galaxies",
        score?.accuracy[1] != null ? h("span", {}, `, ${(100 * score.accuracy[1]).toFixed(1)} to ${(100 * score.accuracy[2]).toFixed(1)}%`) : null)),
    h("div.g-best-text", {}, h("p", {}, h("strong", {}, best.path), " does best"),
      h("dl", {}, [["Network", best.network], ["Learnt from", best.parent ? `${best.survey}, after ${best.parent}` : best.survey],
        ...(score ? [["ROC AUC", score.roc_auc[0] == null ? "–" : score.roc_auc[0].toFixed(3)], ["F1", score.f1[0] == null ? "–" : score.f1[0].toFixed(3)]] : [])]
        .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))),
    curve(best.history));
}

/** Validation accuracy over the epochs. */
function curve(history) {
  if (history.length < 2) return null;
  const [low, high] = [Math.min(...history), Math.max(...history)];
  const place = (value, n) => `${(4 + (n / (history.length - 1)) * 152).toFixed(1)} ${(46 - ((value - low) / (high - low || 1)) * 38).toFixed(1)}`;
  return h("figure.g-home-curve", {},
    h("svg", { viewBox: "0 0 160 52", role: "img", "aria-label": `Validation accuracy over ${history.length} epochs, from ${percent(history[0])} to ${percent(history.at(-1))}` },
      h("path", { d: `M${history.map(place).join("L")}` })),
    h("figcaption.g-muted.g-home-small", {}, `validation accuracy, ${history.length} epochs, best ${percent(high)}`));
}

const percent = (value) => (value == null ? "–" : `${(100 * value).toFixed(1)}%`);

function reportsSection(content) {
  const { reports } = content;
  if (!reports.length && !mayTrain(content)) return null;
  if (!reports.length) return [heading("Reports", "none yet"), h("p.g-hint-text", {}, "One page with every measure, curve and gallery; it appears here when it is made:"), commandLine("galcat report RUN -o report.html")];
  return [heading("Reports", reports.length > 1 ? commas(reports.length) : null), h("ul.g-reports", {}, reports.map((report) => h("li", {},
    report.href ? h("a", { href: withToken(report.href), target: "_blank", rel: "noopener" }, report.title, h("span.g-unseen", {}, " (opens in a new tab)")) : h("span", {}, report.title),
    h("span.g-muted.g-home-small", {}, `${report.path}, ${size(report.size_bytes)}, `, when(report.changed)))))];
}

function tablesSection({ tables, pictures }) {
  const rows = [
    ...tables.map((table) => [table.path, table.kind, table.broken || table.note, table.broken ? null : table.rows, table.size_bytes, table.changed, table.broken]),
    ...pictures.map((store) => [`${store.path}/`, "Pictures", store.broken || `${store.name}, ${store.size_px} px`, store.broken ? null : store.count, store.size_bytes, store.changed, store.broken]),
  ].sort((a, b) => b[5] - a[5]);
  if (!rows.length) return null;
  return [heading("Files", `${commas(rows.length)}, the newest first`), h("div.g-scroll", { tabindex: "0", role: "region", "aria-label": "Files of this project" }, h("table.g-table.g-files", {},
    h("thead", {}, h("tr", {}, ["file", "holds", "", "rows", "size", "changed"].map((name, n) => (name ? h("th", { scope: "col", class: n === 3 || n === 4 ? "g-home-right" : null }, name) : h("td"))))),
    h("tbody", {}, rows.map(([path, kind, note, count, bytesOf, changed, broken]) => h("tr", { class: broken ? "g-broken" : null },
      h("th", { scope: "row" }, path), h("td", {}, broken ? "cannot be read" : kind), h("td.g-muted.g-note", { title: note }, note),
      h("td.g-home-right", {}, count === null ? "–" : commas(count)), h("td.g-home-right", {}, bytesOf ? size(bytesOf) : "–"), h("td", {}, changed ? when(changed) : "–"))))))];
}

function size(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = 0;
  while (number >= 1000 && n < units.length - 1) { number /= 1000; n += 1; }
  return `${number >= 100 || n === 0 ? number.toFixed(0) : number.toPrecision(2)} ${units[n]}`;
}

function when(seconds) {
  const date = new Date(1000 * seconds);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return h("time.g-number", { datetime: date.toISOString() }, `${day} ${two(date.getHours())}:${two(date.getMinutes())}`);
}

export default { render };
