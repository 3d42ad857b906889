// What hands and keys do to a plane of points: move, zoom, point at, look at, draw a box or a lasso.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAN_PX = 60;
const AHEAD_PX = 56; // pictures of points this close to the pointer are fetched before they are asked for
const THICK_PX = 7;

/** A subclass gives `escape()`: what Escape forgets. */
class Handled extends Plane {
  constructor(model, el) {
    super(model, el);
    this.listen();
  }

  listen() {
    const stage = this.stage;
    stage.addEventListener("pointermove", (e) => this.moved(e));
    stage.addEventListener("pointerleave", () => { this.pointOff(); this.redrawOver(); });
    stage.addEventListener("pointerdown", (e) => this.pressed(e));
    stage.addEventListener("pointerup", (e) => this.released(e));
    stage.addEventListener("pointercancel", () => { this.drag = null; this.redrawOver(); });
    stage.addEventListener("dblclick", (e) => { const [x, y] = this.place(e); this.zoom(2, x, y); });
    stage.addEventListener("wheel", (e) => this.wheeled(e), { passive: false });
    stage.addEventListener("keydown", (e) => this.typed(e));
    stage.addEventListener("blur", () => { this.pointOff(); this.redrawOver(); });
  }

  // ---- by hand ------------------------------------------------------------------------------

  place(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  zoom(factor, x = this.scatter.width / 2, y = this.scatter.height / 2) {
    this.scatter.zoom(factor, x, y);
    this.pointOff();
    this.redraw(true);
  }

  wheeled(event) {
    event.preventDefault();
    const [x, y] = this.place(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) * 0.0022), x, y);
  }

  pressed(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.drag = { tool: this.tool, path: [this.place(event)], moved: false };
  }

  moved(event) {
    const at = this.place(event);
    if (!this.drag) return this.pointNear(at);
    const last = this.drag.path[this.drag.path.length - 1];
    const [dx, dy] = [at[0] - last[0], at[1] - last[1]];
    if (!this.drag.moved && Math.hypot(dx, dy) < 4) return undefined;
    this.drag.moved = true;
    this.pointOff();
    if (this.drag.tool === "pan") {
      this.scatter.pan(dx, dy);
      this.drag.path = [at];
      return this.redraw(true);
    }
    if (this.drag.tool === "box") this.drag.path = [this.drag.path[0], at];
    else if (Math.hypot(dx, dy) >= 2) this.drag.path.push(at);
    return this.redrawOver();
  }

  released(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    const at = this.place(event);
    if (!drag.moved) this.lookAt(this.scatter.nearest(...at));
    else if (drag.tool !== "pan") {
      const path = drag.tool === "box" ? [drag.path[0], at] : drag.path;
      const points = path.map(([x, y]) => this.scatter.toData(x, y));
      this.model.send({ kind: "draw", shape: drag.tool, points, mode: modeOf(event) });
    }
    this.redrawOver();
  }

  lookAt(row) { if (row >= 0) this.model.send({ kind: "focus", row }); }

  // ---- pointing -----------------------------------------------------------------------------

  pointAt(row, aloud = false) {
    this.stage.classList.toggle("g-on-point", row >= 0);
    if (row < 0) this.hover.off();
    else this.hover.over(row, () => this.scatter.toScreen(row), { aloud });
    this.redrawOver();
  }

  pointOff() {
    this.stage.classList.remove("g-on-point");
    this.hover.off();
  }

  pointNear(at) {
    const row = this.scatter.nearest(...at);
    if (row !== this.hover.row) this.pointAt(row);
    const now = performance.now();
    if (now - (this.aheadAt ?? 0) > 70) {
      this.aheadAt = now;
      const { looks } = this.hover;
      const near = this.scatter.around(...at, AHEAD_PX, looks.batch);
      // where points lie too thick to guess the next one, the line is left free for it
      const [x, y] = near.length ? this.scatter.toScreen(near[near.length - 1]) : at;
      const thick = near.length === looks.batch && Math.hypot(x - at[0], y - at[1]) < THICK_PX;
      looks.want(thick ? near.slice(0, 6) : near);
    }
  }

  /** Point at the nearest one in a direction; at first at the one that is looked at, or in the middle. */
  pointNext(direction) {
    const from = this.hover.row >= 0 ? this.hover.row : -1;
    const next = from < 0 ? this.firstInSight() : this.nextTo(from, direction);
    if (next >= 0) this.pointAt(next, true);
  }

  firstInSight() {
    const focus = this.model.get("focus");
    if (focus >= 0 && focus < this.scatter.size && this.inSight(...this.scatter.toScreen(focus), 0)) return focus;
    const { width, height } = this.scatter;
    return this.scatter.around(width / 2, height / 2, Math.hypot(width, height), 1)[0] ?? -1;
  }

  nextTo(row, [right, down]) {
    const [x, y] = this.scatter.toScreen(row);
    const within = (other) => {
      const [u, v] = this.scatter.toScreen(other);
      const along = (u - x) * right + (v - y) * down;
      const across = Math.abs((u - x) * down - (v - y) * right);
      return along > 0.5 && across <= along && this.inSight(u, v, 0);
    };
    for (let reach = 32; reach < 2 * Math.hypot(this.scatter.width, this.scatter.height); reach *= 2) {
      const found = this.scatter.around(x, y, reach, this.scatter.size).find(within);
      if (found !== undefined) return found;
    }
    return -1;
  }

  // ---- keys ---------------------------------------------------------------------------------

  typed(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey) return;
    const keys = {
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(),
      m: () => this.choose("pan"), b: () => this.choose("box"), l: () => this.choose("lasso"),
      Enter: () => this.lookAt(this.hover.row), Escape: () => this.leave(),
    };
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) this.pointNext(arrow);
    else if (arrow) {
      this.pointOff();
      this.scatter.pan(-PAN_PX * arrow[0], -PAN_PX * arrow[1]);
      this.redraw(true);
    } else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Hide what stands beside the point; what was drawn is forgotten unless keys had pointed there. */
  leave() {
    const byKeys = this.hover.row >= 0 && this.hover.aloud;
    this.pointAt(-1);
    if (!byKeys) this.escape();
  }
}

const modeOf = (event) => (event.shiftKey ? "add" : event.altKey ? "remove" : "replace");

