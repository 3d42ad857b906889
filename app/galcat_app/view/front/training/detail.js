// One training: state, progress, curves, results, log; and what can be done with it.

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-here", "g-detail-of");
  const send = (kind, more = {}) => model.send({ kind, key: model.get("content").key, ...more });
  let key = "";
  let asking = false; // whether the cancelling is to be confirmed

  const title = h("h2.g-title");
  const state = h("span");
  const told = h("span.g-muted.g-told");
  const actions = h("div.g-train-actions");
  const why = h("p.g-why", { hidden: true });
  const bar = h("div.g-progress", { role: "progressbar", "aria-label": "Epochs done", "aria-valuemin": "0", "aria-valuemax": "100" }, h("span"));
  const figures = h("dl.g-now");
  const facts = h("dl.g-run-facts");
  const results = h("section.g-results", { "aria-label": "Results", hidden: true });
  const next = h("section.g-next", { "aria-label": "Next steps", hidden: true });
  const charts = curves(model);
  const log = logPart(model);
  const body = h("div.g-body", { tabindex: "0", role: "region", "aria-label": "The training" }, why, results, h("div.g-run-progress", {}, bar, figures), charts.root, next, log.root, facts);
  el.append(h("div.g-toolbar.g-detail-head", {}, title, state, told, h("span.g-gap"), actions), body);

  function fill() {
    const content = model.get("content");
    if (!content.key) return;
    if (content.key !== key) { key = content.key; asking = false; body.scrollTop = 0; log.followAgain(); }
    if (title.textContent !== content.name) title.textContent = content.name;
    refill(state, content.state, () => badge(content.state));
    const since = [content.told, ago(content.began)].join(" · ");
    if (told.textContent !== since) told.textContent = since;
    why.hidden = !content.reason && !content.terminal;
    why.textContent = content.terminal ? "It was started in a terminal, not as a job: end it there, with Ctrl-C." : content.reason;
    why.classList.toggle("g-bad", ["failed", "interrupted", "unknown", "unreadable"].includes(content.state));
    fillProgress(content.results ? null : content.progress);
    refill(facts, content.facts, () => content.facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    charts.root.hidden = !content.progress;
    fillResults(content);
    fillActions();
  }

  function fillProgress(progress) {
    bar.parentElement.hidden = !progress;
    if (!progress) return;
    const percent = Math.round(1000 * progress.fraction) / 10;
    bar.firstChild.style.width = `${percent}%`;
    bar.setAttribute("aria-valuenow", percent);
    bar.classList.toggle("g-live", progress.live);
    const step = progress.step && progress.live ? `step ${commas(progress.step)} of ${commas(progress.steps)}` : "";
    const shown = [
      ["epoch", `${progress.epoch} of ${progress.live || progress.fraction < 1 ? "at most " : ""}${progress.most}`, step],
      ["images a second", progress.speed ? short(Math.round(progress.speed * 10) / 10) : "–", ""],
      ["time left, at most", progress.left === null ? "–" : progress.left ? duration(progress.left) : "a moment", ""],
      ["time spent", progress.seconds ? duration(progress.seconds) : "–", ""],
    ].filter(([term]) => progress.live || term === "epoch" || term === "time spent");
    refill(figures, shown, () => shown.map(([term, value, more]) => h("div", {}, h("dt", {}, term), h("dd", {}, value, more ? h("small", {}, more) : null))));
  }

  function fillActions() {
    const content = model.get("content"), busy = model.get("busy");
    refill(actions, [content.key, content.cancellable, content.resumable, content.settings, busy, asking], () => {
      if (asking && content.cancellable) {
        return [h("span.g-ask", { role: "alert" }, `Cancel ${content.title}? What it has learnt so far stays.`),
          h("button.g-button.g-danger", { type: "button", onclick: () => { asking = false; send("cancel"); } }, "Cancel it"),
          h("button.g-button", { type: "button", onclick: () => { asking = false; fillActions(); actions.querySelector("button")?.focus(); } }, "Let it run")];
      }
      return [
        content.settings ? h("button.g-button.g-quiet", { type: "button", onclick: () => send("again"), title: "Fill the form of a new training with these settings" }, "Use its settings") : null,
        content.resumable ? h("button.g-button.g-primary", { type: "button", disabled: Boolean(busy), onclick: () => send("resume") }, busy === "resume" ? "Resuming …" : "Resume") : null,
        content.cancellable ? h("button.g-button", { type: "button", disabled: Boolean(busy), onclick: () => { asking = true; fillActions(); actions.querySelector(".g-danger").focus(); } }, busy === "cancel" ? "Cancelling …" : "Cancel") : null];
    });
  }

  function fillResults(content) {
    results.hidden = !content.results;
    if (!content.results) { next.hidden = true; return; }
    refill(results, [content.results, content.reports, content.predictions], () => [
      h("dl.g-now", {}, content.results.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)))),
      made("Reports", content.reports), made("Predictions", content.predictions)]);
    const left = content.steps;
    next.hidden = !left.length;
    refill(next, [left, model.get("busy")], () => [h("h3", {}, "Next steps"),
      h("ul.g-steps", {}, left.map((step) => h("li", {},
        h("span.g-step-what", {}, step.what, h("button.g-button", { type: "button", disabled: Boolean(model.get("busy")),
          "aria-label": `${step.what}: run it here`, onclick: () => send("step", { step: step.key }) }, "Run it here")),
        commandLine(step.command))))]);
  }

  const made = (name, files) => (files.length ? h("p.g-made", {}, h("strong", {}, name), files.map((file) => (file.href
    ? h("a", { href: withToken(file.href), target: "_blank", rel: "noopener" }, file.path, h("span.g-unseen", {}, " (opens in a new tab)"))
    : h("code", {}, file.path ?? file)))) : null);

  const fillShown = () => { el.hidden = !model.get("shown"); if (model.get("shown")) charts.fill(); };
  const busy = () => { fillActions(); fillResults(model.get("content")); };
  model.on("change:content", fill);
  model.on("change:curves", charts.fill);
  model.on("change:log", log.fill);
  model.on("change:busy", busy);
  model.on("change:shown", fillShown);
  fill();
  log.fill();
  fillShown();
  return () => charts.end();
}

/** The end of the log: plain text, never HTML; it follows as long as one is at its end. */
function logPart(model) {
  const id = uniqueId();
  const which = h("select.g-select", { id, onchange: () => model.send({ kind: "log", name: which.value }) });
  const follow = h("input.g-check", { type: "checkbox", id: uniqueId(), checked: true, onchange: () => { if (follow.checked) toEnd(); } });
  const text = h("pre.g-log", { tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off" });
  const file = h("p.g-help");
  const none = h("p.g-muted", {}, "No log yet.");
  const toEnd = () => { text.scrollTop = text.scrollHeight; };
  text.addEventListener("scroll", () => { follow.checked = text.scrollHeight - text.scrollTop - text.clientHeight < 24; });
  const root = h("section.g-log-part", { "aria-label": "Log" },
    h("div.g-curves-head", {}, h("h3", {}, "Log"), h("label.g-unseen", { for: id }, "Whose log"), which, h("span.g-gap"),
      h("span.g-only", {}, follow, h("label", { for: follow.id }, "follow"))), text, none, file);

  function fill() {
    const log = model.get("log");
    if (!log.names) return;
    refill(which, log.names, () => log.names.map(([value, label]) => h("option", { value }, label)));
    which.value = log.name;
    which.hidden = log.names.length < 2;
    const shown = `${log.cut ? "… (earlier lines are in the file)\n" : ""}${log.text}`;
    none.hidden = Boolean(log.text);
    text.hidden = !log.text;
    const held = follow.checked;
    if (text.textContent !== shown) { text.textContent = shown; if (held) toEnd(); }
    file.textContent = log.file ? `the whole log: ${log.file}` : "";
  }
  return { root, fill, followAgain: () => { follow.checked = true; } };
}

export default { render };
