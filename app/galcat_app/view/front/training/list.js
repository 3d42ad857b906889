// All trainings, the newest first; tells Python that the page is seen, as long as it is.

const HERE_EVERY = 15000;
const SHOWS = {
  all: ["All", () => true], live: ["Live", (t) => t.live],
  finished: ["Finished", (t) => t.state === "finished"],
  stopped: ["Stopped", (t) => !t.live && t.state !== "finished"],
};

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-trainings");
  let shows = "all";
  const name = uniqueId();
  const begin = h("button.g-button.g-primary", { type: "button", onclick: () => model.send({ kind: "select", key: "" }) },
    icon("M10 4v12M4 10h12"), "New training");
  const segments = Object.entries(SHOWS).map(([key, [label]]) => {
    const id = uniqueId();
    return h("span.g-segment", {}, h("input", { type: "radio", id, name, value: key, checked: key === shows,
      onchange: () => { shows = key; fill(); } }), h("label", { for: id }, label, h("span.g-many", { "data-of": key })));
  });
  const list = h("ul.g-train-list", { "aria-label": "Trainings" });
  const none = h("p.g-muted.g-train-none", { hidden: true });
  const body = h("div.g-body", {}, list, none);
  el.append(h("div.g-toolbar", {}, h("h2.g-title", {}, "Trainings"), h("span.g-gap"), begin),
    h("div.g-train-shows", {}, h("div.g-segments", { role: "radiogroup", "aria-label": "Show" }, segments)), body);
  const lines = new Map(); // key -> its element; kept, so that nothing loses its focus

  function line(training) {
    const made = lines.get(training.key) ?? h("li", { "data-key": training.key }, h("button.g-train", { type: "button",
      onclick: () => model.send({ kind: "select", key: training.key }) }));
    lines.set(training.key, made);
    refill(made.firstChild, training, () => [
      h("span.g-train-title", {}, training.name),
      badge(training.state),
      h("span.g-train-told", {}, training.told, h("time.g-train-age", { "data-began": training.began }, ago(training.began))),
      training.reason && !["running", "finished"].includes(training.state) ? h("span.g-train-why", { title: training.reason }, training.reason) : null,
    ]);
    return made;
  }

  function fill() {
    const { trainings } = model.get("content");
    for (const [key, [, test]] of Object.entries(SHOWS)) {
      const count = trainings.filter(test).length;
      el.querySelector(`[data-of=${key}]`).textContent = count ? ` ${commas(count)}` : "";
    }
    const wanted = trainings.filter(SHOWS[shows][1]).map(line);
    const there = new Set(trainings.map((t) => t.key));
    for (const key of lines.keys()) if (!there.has(key)) lines.delete(key);
    if (wanted.length !== list.children.length || wanted.some((item, n) => list.children[n] !== item)) {
      const held = document.activeElement;
      list.replaceChildren(...wanted);
      if (held && list.contains(held)) held.focus({ preventScroll: true });
    }
    none.hidden = wanted.length > 0;
    none.textContent = trainings.length ? "None of this kind." : "None yet. The first one that is started here, or by galcat train, appears in this list.";
    mark();
  }

  function mark() {
    const selected = model.get("selected");
    begin.setAttribute("aria-current", selected === "" ? "true" : "false");
    for (const [key, item] of lines) item.firstChild.setAttribute("aria-current", key === selected ? "true" : "false");
  }

  const here = () => { if (!document.hidden) { try { model.send({ kind: "here" }); } catch { /* the header tells */ } } };
  const age = () => list.querySelectorAll("time").forEach((time) => { time.textContent = ago(Number(time.dataset.began)); });
  model.on("change:content", fill);
  model.on("change:selected", mark);
  fill();
  here();
  document.addEventListener("visibilitychange", here);
  const timers = [setInterval(here, HERE_EVERY), setInterval(age, 20000)];
  return () => { timers.forEach(clearInterval); document.removeEventListener("visibilitychange", here); };
}

export default { render };
