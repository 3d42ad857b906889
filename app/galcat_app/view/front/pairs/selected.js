// What is done with all selected pairs at once: how many they are, what is said of them, the buttons that say it.

const SAYINGS = [["good", "g", () => "Good"], ["bad_match", "x", () => "Bad match"],
  ["bad_left_image", "1", (s) => `Bad ${s.left} image`], ["bad_right_image", "2", (s) => `Bad ${s.right} image`]];

class SelectionBar {
  constructor(send) {
    this.send = send;
    this.now = { count: 0 };
    this.count = h("strong.g-selected-count");
    this.told = h("p.g-unseen", { role: "status" });
    this.every = h("button.g-link", { onclick: () => send({ kind: "select all" }) });
    this.buttons = SAYINGS.map(([name, key]) => h("button.g-button.g-say", { "data-all": name, "aria-keyshortcuts": key, onclick: () => this.press(name) }));
    this.labels = this.labelMenu();
    this.clear = h("button.g-button.g-quiet", { "data-all": "clear", title: "Forget all that is said of them, labels and notes too", onclick: () => this.say({ clear: true }) }, "Clear marks");
    const none = h("button.g-button.g-square.g-quiet", { "aria-label": "Select no pair", title: "Select no pair (Escape)", onclick: () => send({ kind: "select none" }) }, icon("M6 6l8 8M14 6l-8 8"));
    this.box = h("div.g-selected-bar", { role: "group", "aria-label": "Selected pairs", hidden: true },
      h("div.g-row", {}, this.count, this.every, h("span.g-gap"), this.clear, none),
      h("div.g-selected-say", {}, this.buttons, this.labels.box));
  }

  say(changes) { this.send({ kind: "say all", changes }); }

  press(name) {
    const all = this.now.said[name] === this.now.count;
    this.say(name === "good" ? (all ? { clear: true } : { good: true }) : { [name]: !all });
  }

  /** Show what is selected now, of a list of so many pairs. */
  fill(now, listed) {
    this.now = now;
    const { count, said, surveys, problem } = now;
    this.box.hidden = !count;
    const words = `${commas(count)} pair${count === 1 ? "" : "s"} selected`;
    const told = count ? words : this.told.textContent ? "No pair selected" : "";
    if (this.told.textContent !== told) this.told.textContent = told;
    if (!count) { this.labels.box.open = false; return; }
    this.count.textContent = words;
    this.box.dataset.count = count;
    this.every.hidden = count === listed;
    this.every.textContent = `Select all ${commas(listed)}`;
    this.buttons.forEach((button, n) => {
      const [name, key, text] = SAYINGS[n];
      const some = said[name];
      button.replaceChildren(text(surveys), ...(some ? [h("span.g-some", {}, commas(some))] : []));
      button.title = `${some === count ? "Take away: " : ""}${text(surveys)} (${key})`;
      button.setAttribute("aria-pressed", some === count ? "true" : some ? "mixed" : "false");
      button.classList.add(name === "good" ? "g-yes" : "g-no");
      button.disabled = Boolean(problem);
    });
    this.labels.fill(now);
    this.clear.disabled = Boolean(problem) || !said.reviewed;
  }

  labelMenu() {
    const id = uniqueId();
    const choices = h("div.g-choices", { role: "group", "aria-label": "Labels" });
    const other = h("input.g-input", { id, maxlength: 64, placeholder: "Another label", spellcheck: "false" });
    const close = () => { box.open = false; box.querySelector("summary").focus(); };
    const give = (label) => { this.say({ label }); close(); };
    const none = h("button.g-link", { type: "button", onclick: () => give(null) }, "Take my labels away");
    const box = h("details.g-menu.g-up", {}, h("summary.g-button", {}, "Label"),
      h("form.g-sheet", { onsubmit: (e) => { e.preventDefault(); if (other.value.trim()) { give(other.value.trim()); other.value = ""; } } },
        choices, h("label.g-unseen", { for: id }, "Another label for the selected pairs"),
        h("div.g-row", {}, other, h("button.g-button", { type: "submit" }, "Give")), none));
    box.addEventListener("keydown", (e) => { if (e.key === "Escape") { close(); e.stopPropagation(); } });
    const fill = ({ classes, said, count, problem }) => {
      none.disabled = Boolean(problem) || !Object.keys(said.labels).length;
      choices.replaceChildren(...classes.slice(0, 24).map((name) => h("button.g-choice", { type: "button", "data-label-all": name, "aria-pressed": String(said.labels[name] === count), disabled: Boolean(problem), onclick: () => give(name) },
        name, said.labels[name] ? h("span.g-some", {}, commas(said.labels[name])) : null)));
    };
    return { box, fill };
  }
}
