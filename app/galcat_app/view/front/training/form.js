// The form of a new training. Every field, help text and limit comes from Python, and so does every error.

const WAIT = 250; // milliseconds after the last key

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-here", "g-form");
  const fields = new Map(); // key -> {root, control, show(text, error, changed)}
  const pending = new Map(); // key -> timer of a text that is not sent yet
  let shape = ""; // of the form that stands in the page

  const send = (key, text) => { clearTimeout(pending.get(key)); pending.delete(key); model.send({ kind: "set", key, text }); };
  const typed = (key, text) => { clearTimeout(pending.get(key)); pending.set(key, setTimeout(() => send(key, text), WAIT)); };
  const flush = () => { for (const key of [...pending.keys()]) send(key, read(fields.get(key))); };
  const read = ({ control }) => (control.type === "checkbox" ? String(control.checked) : control.value);

  /** A label, a control, its help and its error, tied together. `options` makes it a choice. */
  function field(spec) {
    const id = uniqueId();
    const described = `${id}-help ${id}-error`;
    let control;
    if (spec.options) {
      control = h("select.g-select", { id, "aria-describedby": described, onchange: () => send(spec.key, control.value) });
    } else if (spec.kind === "bool") {
      control = h("input.g-check", { id, type: "checkbox", "aria-describedby": described, onchange: () => send(spec.key, String(control.checked)) });
    } else {
      control = h("input.g-input", { id, type: "text", "aria-describedby": described, autocomplete: "off", spellcheck: "false", maxlength: "500",
        inputmode: { int: "numeric", float: "decimal" }[spec.kind] ?? "text", oninput: () => typed(spec.key, control.value),
        onchange: () => send(spec.key, control.value) });
    }
    control.name = spec.key;
    const help = h("p.g-help", { id: `${id}-help` });
    const error = h("p.g-wrong", { id: `${id}-error` });
    const reset = h("button.g-link.g-reset", { type: "button", hidden: true, onclick: () => {
      if (control.type === "checkbox") control.checked = spec.default === "true"; else control.value = spec.default;
      clearTimeout(pending.get(spec.key));
      pending.delete(spec.key);
      model.send({ kind: "reset", key: spec.key });
      control.focus();
    } }, "reset");
    const label = h("label", { for: id }, spec.label);
    const root = h(`div.g-field${spec.kind === "bool" ? ".g-bool" : ""}${spec.kind === "long" ? ".g-long" : ""}`, { "data-field": spec.key },
      spec.kind === "bool" ? [h("span.g-field-head", {}, control, label, reset)] : [h("span.g-field-head", {}, label, reset), control], help, error);
    help.textContent = [spec.help, spec.legal, spec.default === undefined ? "" : `default ${spec.default === "" ? "none" : spec.default === "true" ? "on" : spec.default === "false" ? "off" : spec.default}`]
      .filter(Boolean).join(" · ");
    if (spec.default !== undefined) reset.setAttribute("aria-label", `Reset ${spec.label} to ${spec.default || "none"}`);
    const made = { root, control, help, key: spec.key, label: spec.label,
      show(text, wrong, changed) {
        if (!pending.has(spec.key)) {
          if (control.type === "checkbox") control.checked = text === "true";
          else if (control !== document.activeElement || control.tagName === "SELECT") { if (control.value !== text) control.value = text; }
        }
        if (error.textContent !== (wrong ?? "")) error.textContent = wrong ?? "";
        control.setAttribute("aria-invalid", wrong ? "true" : "false");
        root.classList.toggle("g-is-wrong", Boolean(wrong));
        root.classList.toggle("g-is-changed", Boolean(changed));
        reset.hidden = !changed;
      } };
    fields.set(spec.key, made);
    if (spec.options) setOptions(made, spec.options);
    return root;
  }

  function setOptions(made, options) {
    refill(made.control, options, () => options.map(({ value, label, problem }) => h("option", { value, disabled: Boolean(problem) }, label)));
  }

  const content = () => model.get("content");
  const none = (label) => [{ value: "", label }];
  const choices = {
    store: () => (content().stores.length ? content().stores : none("none yet")),
    split: () => (content().splits.length ? content().splits : none("none yet")),
    parent: () => [...none("nothing: a new network"), ...content().parents],
    place: () => content().places,
  };

  const empty = h("div.g-first-steps", { hidden: true });
  const galaxies = h("p.g-galaxies", { "aria-live": "polite" });
  const placeTold = h("p.g-help");
  const find = h("input.g-input", { type: "search", placeholder: "Find a setting", "aria-label": "Find a setting", oninput: sift });
  const onlyChanged = h("input.g-check", { type: "checkbox", id: uniqueId(), onchange: sift });
  const resetAll = h("button.g-button", { type: "button", hidden: true, onclick: () => model.send({ kind: "reset" }) }, "Reset all");
  const nothing = h("p.g-muted.g-nothing", { hidden: true }, "No setting is called so.");
  const sections = h("div.g-sections");
  const faults = h("div.g-faults", { role: "status", "aria-live": "polite" });
  const command = commandLine("");
  const toml = h("a.g-button", { download: "galcat.toml", href: "" }, "Download TOML");
  const start = h("button.g-button.g-primary.g-start", { type: "button", onclick: () => { flush(); model.send({ kind: "start" }); } }, "Start training");
  const body = h("div.g-body", { tabindex: "0", role: "region", "aria-label": "The new training" });
  const foot = h("div.g-form-foot", {},
    h("details.g-same", {}, h("summary", {}, "The same on the command line"),
      h("p.g-help", {}, "In the project's folder; or with all settings in a file: galcat train … --config galcat.toml"),
      command, toml),
    h("div.g-form-go", {}, faults, start));
  el.append(h("div.g-toolbar", {}, h("h2.g-title", {}, "New training")), body, foot);

  function build() {
    fields.clear();
    const told = content();
    body.replaceChildren(empty,
      h("fieldset.g-group", {}, h("legend.g-unseen", {}, "What is trained, and where"),
        h("div.g-fields.g-thirds", {},
          field({ key: "store", label: "Cutout store", help: "the pictures it learns from", options: choices.store() }),
          field({ key: "split", label: "Split", help: "table of sets: what is learnt, what validates, what is kept for tests", options: choices.split() }),
          h("div.g-field", {}, h("span.g-field-head", {}, h("strong", {}, "Galaxies")), galaxies),
          setting(told.sections[0].fields.find((f) => f.key === "train.network")),
          field({ key: "parent", label: "Begin from", help: "a finished run, to be fine-tuned on these pictures; its network is taken", options: choices.parent() }),
          field({ key: "name", label: "Name of the run", kind: "str", help: "" }),
          field({ key: "place", label: "Where it runs", help: "this machine, or a cluster of places.toml", options: choices.place() }),
          field({ key: "nodes", label: "Nodes", kind: "int", help: "machines of the cluster" }),
          field({ key: "tasks", label: "Worker processes", kind: "int", help: "" })),
        placeTold),
      h("div.g-settings-head", {}, h("h3", {}, "Settings"), find,
        h("span.g-only", {}, onlyChanged, h("label", { for: onlyChanged.id }, "changed only")), h("span.g-gap"), resetAll),
      sections, nothing);
    sections.replaceChildren(...told.sections.map((section, n) => h("details.g-section", { open: n === 0, "data-section": section.key },
      h("summary", {}, h("span.g-section-title", {}, section.title), h("span.g-section-told", {})),
      h("div.g-fields", {}, section.fields.filter((f) => f.key !== "train.network").map(setting)))));
  }

  const setting = (spec) => field({ ...spec, options: spec.choices.length ? spec.choices.map((value) => ({ value, label: value })) : null });

  /** Show the settings that are looked for. */
  function sift() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const changed = new Set(model.get("draft").changed);
    const wrong = model.get("draft").errors;
    let any = false;
    for (const section of sections.children) {
      let here = 0;
      for (const root of section.querySelectorAll(".g-field")) {
        const { key, label, help } = fields.get(root.dataset.field);
        const text = `${label} ${help.textContent} ${key}`.toLowerCase();
        root.hidden = !words.every((word) => text.includes(word)) || (onlyChanged.checked && !changed.has(key) && !(key in wrong));
        here += root.hidden ? 0 : 1;
      }
      section.hidden = !here;
      any = any || here > 0;
      if (here && (words.length || onlyChanged.checked)) section.open = true;
    }
    nothing.hidden = any;
  }

  function fillContent() {
    const told = content();
    const now = JSON.stringify(told.sections);
    if (now !== shape) { shape = now; build(); }
    for (const [key, options] of Object.entries(choices)) setOptions(fields.get(key), options());
    empty.hidden = !told.empty;
    if (told.empty) {
      refill(empty, told.empty, () => [h("h3", {}, "First, something to learn from"),
        h("p.g-muted", {}, "A training needs pictures with labels and a table of sets. In the project's folder:"),
        h("ol.g-steps", {}, told.empty.steps.map(([line, what]) => h("li", {}, what, commandLine(line))))]);
    }
    fillDraft();
  }

  function fillDraft() {
    const draft = model.get("draft");
    if (!draft.values || !fields.size) return;
    const changed = new Set(draft.changed);
    for (const [key, made] of fields) made.show(draft.values[key] ?? "", draft.missing.includes(key) ? undefined : draft.errors[key], changed.has(key) || (key === "name" && draft.name_typed));
    fields.get("name").root.querySelector(".g-reset").hidden = true;
    fields.get("name").root.classList.remove("g-is-changed");
    fields.get("name").help.textContent = "name" in draft.errors ? "" : `the folder ${draft.out} is made for it`;
    const network = fields.get("train.network");
    network.control.disabled = draft.parented;
    const place = content().places.find((p) => p.value === draft.values.place);
    fields.get("nodes").root.hidden = place?.kind !== "slurm";
    fields.get("tasks").help.textContent = place?.kind === "slurm" ? `on each node, one for each GPU; ${draft.workers || "–"} together` : "that learn together (Horovod); each takes its share of the cores";
    placeTold.textContent = place?.told ? `${place.value}: ${place.told}` : "";
    refill(galaxies, [draft.galaxies, draft.counting], () => (draft.galaxies.length ? draft.galaxies.map((line) => h("span", {}, line))
      : [h("span.g-muted", {}, draft.counting ? "counting …" : "–")]));
    command.setText(draft.command);
    toml.href = `data:application/toml;charset=utf-8,${encodeURIComponent(draft.toml)}`;
    toml.download = `${draft.out.split("/").pop().replace(/[^A-Za-z0-9._-]/g, "") || "galcat"}.toml`;
    resetAll.hidden = !draft.changed.length;
    for (const section of sections.children) {
      const own = (key) => key.startsWith(`${section.dataset.section}.`);
      const touched = draft.changed.filter(own).length;
      const wrong = Object.keys(draft.errors).filter(own).length;
      const told = section.querySelector(".g-section-told");
      told.textContent = [touched ? `${touched} changed` : "", wrong ? `${wrong} not legal` : ""].filter(Boolean).join(" · ");
      told.classList.toggle("g-error-text", wrong > 0);
    }
    fillFaults(Object.keys(draft.errors));
    if (onlyChanged.checked) sift();
  }

  function fillFaults(keys) {
    const busy = model.get("busy");
    start.disabled = busy || keys.length > 0;
    start.textContent = busy ? "Starting …" : "Start training";
    const { missing } = model.get("draft");
    const wrong = keys.filter((key) => !missing.includes(key));
    const label = (key) => fields.get(key)?.label.toLowerCase();
    refill(faults, [keys, busy], () => (missing.length && !wrong.length ? h("span.g-muted", {}, `It needs a ${missing.map(label).join(" and a ")} first.`) : wrong.length ? [
      h("span.g-error-text", {}, wrong.length === 1 ? "To be mended first: " : `${wrong.length} values are to be mended first: `),
      wrong.map((key, n) => [n ? ", " : "", h("button.g-link.g-error-text", { type: "button", onclick: () => go(key) }, fields.get(key)?.label ?? "the form")])]
      : [h("span.g-muted", {}, "It runs on when this tab is closed or galcat app is stopped.")]));
  }

  function go(key) {
    const made = fields.get(key);
    if (!made) return;
    find.value = "";
    onlyChanged.checked = false;
    sift();
    const section = made.root.closest("details");
    if (section) section.open = true;
    made.control.focus();
    made.root.scrollIntoView({ block: "center", behavior: "auto" });
  }

  const fillShown = () => { el.hidden = !model.get("shown"); };
  model.on("change:content", fillContent);
  model.on("change:draft", fillDraft);
  model.on("change:busy", () => fillFaults(Object.keys(model.get("draft").errors ?? {})));
  model.on("change:shown", fillShown);
  if (content().sections) fillContent();
  fillShown();
  return () => pending.forEach(clearTimeout);
}

export default { render };
