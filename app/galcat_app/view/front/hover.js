// What a galaxy or a pair shows when it is pointed at, by hand or by keys: its pictures, and what matters of it.

const TIP_GAP = 18; // pixels between the point and what stands beside it

class Hover {
  /** `stage` is what is pointed at; the tip stands in it, beside the point or above it, inside `around()`. */
  constructor(model, stage, { around = () => stage, pictures = 1, above = false } = {}) {
    this.stage = stage;
    this.around = around;
    this.above = above;
    this.pictures = pictures;
    this.row = -1;
    this.looks = new Looks(model, () => this.show());
    this.tip = h("div.g-tip", { hidden: true });
    this.told = h("p.g-unseen", { role: "status" });
    stage.append(this.tip, this.told);
  }

  /** Point at a row; `place` tells where it is in the stage, `first` are lines above what is known of it. */
  over(row, place, { aloud = false, first = [] } = {}) {
    const other = row !== this.row;
    Object.assign(this, { row, place, aloud, first });
    if (other && !this.looks.get(row)) this.looks.want([row], true);
    this.show();
  }

  off() {
    this.row = -1;
    this.show();
  }

  clear() {
    this.looks.clear();
    this.off();
  }

  show() {
    if (this.row < 0) {
      this.tip.hidden = true;
      this.shown = null;
      if (this.told.textContent) this.told.textContent = "";
      return;
    }
    const look = this.looks.get(this.row);
    const state = look ? "whole" : "waiting";
    const shown = [this.row, state, ...this.first].join("\n");
    if (this.shown !== shown) {
      this.shown = shown;
      this.tip.replaceChildren(...(look ? tipContent(look, this.first) : [h("div.g-tip-pictures", {}, Array.from({ length: this.pictures }, () => h("div.g-tip-picture.g-waiting")))]));
      this.tip.dataset.row = this.row;
      this.tip.dataset.state = state;
      if (look) this.told.textContent = this.aloud ? aloud(look, this.first) : "";
    }
    this.tip.hidden = false;
    this.put();
  }

  /** Beside the point, to its left where there is no room to its right; or above it. */
  put() {
    const [x, y] = this.place();
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const edge = this.edges();
    const [beside, middle] = this.above ? [x - width / 2, y - TIP_GAP - height]
      : [x + TIP_GAP + width > edge.right ? x - TIP_GAP - width : x + TIP_GAP, y - height / 2];
    const left = Math.max(Math.min(beside, edge.right - width - 4), edge.left + 4);
    const top = Math.max(Math.min(middle, edge.bottom - height - 8), edge.top + 8);
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  /** What the tip stays inside of, as the stage sees it. */
  edges() {
    const here = this.stage.getBoundingClientRect(), box = this.around().getBoundingClientRect();
    return {
      left: Math.max(box.left, 0) - here.left, right: Math.min(box.right, window.innerWidth) - here.left,
      top: Math.max(box.top, 0) - here.top, bottom: Math.min(box.bottom, window.innerHeight) - here.top,
    };
  }
}

function tipContent(look, first = []) {
  const figures = look.pictures.map((one) => (one.image
    ? h("figure.g-tip-picture", {}, scaled(one), look.pictures.length > 1 ? h("figcaption", {}, one.survey) : null)
    : h("div.g-tip-picture.g-none", {}, `${one.survey}: ${one.why}`)));
  const none = h("div.g-tip-picture.g-none", {}, look.why);
  return [
    h("div.g-tip-pictures", {}, figures.length ? figures : none),
    h("div.g-tip-facts", {}, first.map((line) => h("span", {}, line)), h("strong", {}, look.id),
      look.facts.map(([name, value]) => h("span", {}, h("span.g-muted", {}, `${name} `), value))),
  ];
}

/** A picture as wide as its share of the frame, so that two of them have one angular scale. */
function scaled({ image, share = 1 }) {
  image.style.width = image.style.height = `${(100 * share).toFixed(2)}%`;
  return image;
}

const aloud = (look, first) => [...first, look.id, ...look.facts.map(([name, value]) => `${name} ${value.replace("″", " arcseconds")}`)].join(", ");

/** What is shown of each row, fetched from Python in small batches and kept. */
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
          if (shown.buffer === null) continue;
          shown.url = URL.createObjectURL(
            new Blob([bytes(buffers[shown.buffer])], { type: "image/jpeg" }));
          shown.image = h("img", { alt: `${shown.survey} picture`, draggable: "false" });
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
      letGo(look);
      this.kept.delete(row);
    }
  }

  clear() {
    this.kept.forEach(letGo);
    this.kept.clear();
    this.asked.clear();
    this.wanted = [];
    this.inFlight = 0;
  }
}

const letGo = (look) => look.pictures.forEach((shown) => { if (shown.url) URL.revokeObjectURL(shown.url); });
