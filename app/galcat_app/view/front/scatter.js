// A scatter plot of many points on one canvas, drawn pixel by pixel: 200,000 points in one frame on a CPU.
// Knows points, colours, a view and distances; knows no widget.

const SUBPIXELS = 4; // positions of a point within a pixel that have a stamp of their own
const MANY = 40000; // from so many points on, a moving map is drawn as plain squares

class Scatter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.xy = new Float32Array(0);
    this.codes = new Uint8Array(0);
    this.selected = null;
    this.palette = [];
    this.background = [255, 255, 255];
    this.nothing = [200, 200, 200];
    this.sizing = 1;
    this.opacity = 1;
    this.width = this.height = 0;
    this.view = { k: 1, x: 0, y: 0 };
    this.stamps = new Map();
  }

  get size() { return this.xy.length / 2; }

  setPoints(xy) {
    this.xy = xy;
    this.order = shuffled(this.size);
    this.bounds = boundsOf(xy);
    this.grid = new Grid(xy, this.bounds);
  }

  resize(width, height, ratio) {
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.stamps.clear();
  }

  /** The view in which every point is seen. */
  fitted() {
    const [left, bottom, right, top] = this.bounds ?? [0, 0, 1, 1];
    const margin = 28;
    const k = Math.min(
      (this.width - 2 * margin) / Math.max(right - left, 1e-6),
      (this.height - 2 * margin) / Math.max(top - bottom, 1e-6));
    const scale = Math.min(Math.max(k, 1), 1e5);
    return {
      k: scale,
      x: this.width / 2 - (scale * (left + right)) / 2,
      y: this.height / 2 + (scale * (bottom + top)) / 2,
    };
  }

  fit() { this.view = this.fitted(); }

  zoom(factor, px, py) {
    const least = this.fitted().k * 0.5;
    const k = Math.min(Math.max(this.view.k * factor, least), 4e6);
    const change = k / this.view.k;
    this.view = { k, x: px - (px - this.view.x) * change, y: py - (py - this.view.y) * change };
  }

  pan(dx, dy) { this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy }; }

  toScreen(row) {
    return [
      this.view.x + this.xy[2 * row] * this.view.k,
      this.view.y - this.xy[2 * row + 1] * this.view.k,
    ];
  }

  toData(px, py) { return [(px - this.view.x) / this.view.k, (this.view.y - py) / this.view.k]; }

  /** Radius of a point in CSS pixels: small where there are many or little room, growing slowly with the zoom. */
  get radius() {
    const many = Math.max(this.size, 1);
    const [left, bottom, right, top] = this.bounds ?? [0, 0, 1, 1];
    const { k } = this.fitted();
    const [wide, high] = [right - left, top - bottom];
    const least = Math.max(wide, high, 1e-6) / 10; // points in a line have room too
    const room = Math.max(wide, least) * Math.max(high, least) * k * k / many; // of each, in the whole view
    const base = Math.min(Math.max(Math.min(26 / Math.pow(many, 0.25), 0.36 * Math.sqrt(room)), 1.1), 6);
    const closer = Math.pow(Math.max(this.view.k / k, 1), 0.3);
    return Math.min(base * closer * this.sizing, 14);
  }

  /** Rows around a place, nearest first. */
  around(px, py, reach, limit) {
    const [x, y] = this.toData(px, py);
    return this.grid ? this.grid.around(x, y, reach / this.view.k, limit) : [];
  }

  nearest(px, py) {
    const found = this.around(px, py, Math.max(this.radius + 3, 7), 1);
    return found.length ? found[0] : -1;
  }

  /** Draw all points; while the map moves, many points may be drawn `quickly`, as squares. */
  draw(quickly = false) {
    if (!this.image) return;
    const [r, g, b] = this.background;
    this.words.fill(word(r, g, b));
    const alpha = 0.88 * this.opacity;
    const stamp = quickly && this.size > MANY
      ? (which, fade, radius) => this.squareAll(which, this.colours(fade), radius)
      : (which, fade, radius, opacity) => this.stampAll(which, this.colours(fade), radius, opacity);
    if (!this.selected) stamp(null, 0, this.radius, alpha);
    else {
      stamp(0, 0.72, this.radius * 0.9, alpha * 0.75);
      stamp(1, 0, this.radius * 1.15, Math.min(1, alpha * 1.15));
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** 256 colours, mixed into the background by `fade`. */
  colours(fade) {
    const table = new Uint8Array(256 * 3);
    for (let code = 0; code < 256; code++) {
      const colour = this.palette[code] ?? this.nothing;
      for (let i = 0; i < 3; i++) {
        table[3 * code + i] = colour[i] + (this.background[i] - colour[i]) * fade;
      }
    }
    return table;
  }

  stampAll(which, table, radius, alpha) {
    const { xy, codes, selected, order, ratio } = this;
    const { k, x, y } = this.view;
    const [width, height] = [this.canvas.width, this.canvas.height];
    const pixels = this.image.data;
    const { reach, phases } = this.stampsOf(radius * ratio, alpha);
    for (let n = 0; n < order.length; n++) {
      const i = order[n];
      if (which !== null && selected[i] !== which) continue;
      const sx = (x + xy[2 * i] * k) * ratio;
      const sy = (y - xy[2 * i + 1] * k) * ratio;
      // written so that NaN, a galaxy without a place, is left out as well
      if (!(sx > -reach && sx < width + reach && sy > -reach && sy < height + reach)) continue;
      const cx = Math.floor(sx), cy = Math.floor(sy);
      const phase = ((sy - cy) * SUBPIXELS | 0) * SUBPIXELS + ((sx - cx) * SUBPIXELS | 0);
      const { dx, dy, cover } = phases[phase];
      const c = 3 * codes[i];
      const r = table[c], g = table[c + 1], b = table[c + 2];
      const whole = cx >= reach && cy >= reach && cx < width - reach && cy < height - reach;
      for (let j = 0; j < cover.length; j++) {
        const qx = cx + dx[j], qy = cy + dy[j];
        if (!whole && (qx < 0 || qy < 0 || qx >= width || qy >= height)) continue;
        const o = (qy * width + qx) << 2, a = cover[j];
        pixels[o] += ((r - pixels[o]) * a) >> 8;
        pixels[o + 1] += ((g - pixels[o + 1]) * a) >> 8;
        pixels[o + 2] += ((b - pixels[o + 2]) * a) >> 8;
      }
    }
  }

  squareAll(which, table, radius) {
    const { xy, codes, selected, order, ratio, words } = this;
    const { k, x, y } = this.view;
    const [width, height] = [this.canvas.width, this.canvas.height];
    const side = Math.max(1, Math.round(1.7 * radius * ratio)), half = side / 2;
    const colours = new Uint32Array(256);
    for (let c = 0; c < 256; c++) colours[c] = word(table[3 * c], table[3 * c + 1], table[3 * c + 2]);
    for (let n = 0; n < order.length; n++) {
      const i = order[n];
      if (which !== null && selected[i] !== which) continue;
      const sx = (x + xy[2 * i] * k) * ratio - half;
      const sy = (y - xy[2 * i + 1] * k) * ratio - half;
      if (!(sx >= 0 && sx < width - side && sy >= 0 && sy < height - side)) continue;
      let o = (sy | 0) * width + (sx | 0);
      const colour = colours[codes[i]];
      for (let v = 0; v < side; v++, o += width) words.fill(colour, o, o + side);
    }
  }

  /** Discs of a radius for every subpixel position: offsets and coverage times opacity, 0 to 256. */
  stampsOf(radius, alpha) {
    const key = `${radius.toFixed(2)} ${alpha.toFixed(3)}`;
    if (this.stamps.has(key)) return this.stamps.get(key);
    if (this.stamps.size > 40) this.stamps.clear();
    const reach = Math.ceil(radius + 1);
    const phases = [];
    for (let phase = 0; phase < SUBPIXELS * SUBPIXELS; phase++) {
      const fx = ((phase % SUBPIXELS) + 0.5) / SUBPIXELS;
      const fy = (Math.floor(phase / SUBPIXELS) + 0.5) / SUBPIXELS;
      const dx = [], dy = [], cover = [];
      for (let v = -reach; v <= reach; v++) {
        for (let u = -reach; u <= reach; u++) {
          const distance = Math.hypot(u + 0.5 - fx, v + 0.5 - fy);
          const covered = Math.min(Math.max(radius + 0.5 - distance, 0), 1) * alpha;
          if (covered > 0.01) { dx.push(u); dy.push(v); cover.push(Math.round(covered * 256)); }
        }
      }
      phases.push({ dx: Int8Array.from(dx), dy: Int8Array.from(dy), cover: Int16Array.from(cover) });
    }
    const made = { reach, phases };
    this.stamps.set(key, made);
    return made;
  }
}

/** Points sorted into the cells of a square grid, so that neighbours are found without a search. */
class Grid {
  constructor(xy, bounds) {
    const size = xy.length / 2;
    this.xy = xy;
    this.side = Math.min(Math.max(Math.round(Math.sqrt(size / 2)), 1), 1024);
    [this.left, this.bottom] = bounds;
    this.cell = Math.max(bounds[2] - bounds[0], bounds[3] - bounds[1], 1e-9) / this.side;
    const cells = new Int32Array(size).fill(-1);
    this.starts = new Int32Array(this.side * this.side + 1);
    for (let i = 0; i < size; i++) {
      if (Number.isNaN(xy[2 * i]) || Number.isNaN(xy[2 * i + 1])) continue;
      cells[i] = this.at(xy[2 * i + 1], this.bottom) * this.side + this.at(xy[2 * i], this.left);
      this.starts[cells[i] + 1] += 1;
    }
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.items = new Int32Array(this.starts[this.side * this.side]);
    for (let i = 0; i < size; i++) if (cells[i] >= 0) this.items[next[cells[i]]++] = i;
  }

  at(value, start) {
    return Math.min(Math.max(Math.floor((value - start) / this.cell), 0), this.side - 1);
  }

  around(x, y, reach, limit) {
    const found = [];
    const [c0, c1] = [this.at(x - reach, this.left), this.at(x + reach, this.left)];
    const [r0, r1] = [this.at(y - reach, this.bottom), this.at(y + reach, this.bottom)];
    for (let row = r0; row <= r1; row++) {
      const end = this.starts[row * this.side + c1 + 1];
      for (let n = this.starts[row * this.side + c0]; n < end; n++) {
        const i = this.items[n];
        const distance = Math.hypot(this.xy[2 * i] - x, this.xy[2 * i + 1] - y);
        if (distance <= reach) found.push([distance, i]);
      }
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, limit).map((pair) => pair[1]);
  }
}

/** A colour as the 32 bits that stand in the picture. */
const word = (r, g, b) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

function boundsOf(xy) {
  let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    if (Number.isNaN(xy[i]) || Number.isNaN(xy[i + 1])) continue;
    left = Math.min(left, xy[i]);
    right = Math.max(right, xy[i]);
    bottom = Math.min(bottom, xy[i + 1]);
    top = Math.max(top, xy[i + 1]);
  }
  return left <= right ? [left, bottom, right, top] : [0, 0, 1, 1];
}

/** Drawing order without meaning, the same each time: no class lies on top of another. */
function shuffled(size) {
  const order = new Uint32Array(size);
  let seed = 12345;
  for (let i = 0; i < size; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 4294967296) * (i + 1));
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}
