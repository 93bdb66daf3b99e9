// dash_chart.js: one picture of the dashboard, with the same in words and, on demand, as a table. uPlot draws; where it is not built in
// there are tables alone. Invariant: the picture is hidden from screen readers, which get the sentence and the table.
import uPlot from './uPlot.esm.js';
import { child } from './dom.js';
import { bandText, learnt } from './dash_monitors.js';
import { moment, timeOf } from './dash_units.js';

export const hasCharts = uPlot !== null;

const AXIS_PX = 52;
const STEPS_S = [1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440].map((minutes) => 60 * minutes); // between times that are written
const WHOLE_STEPS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((n) => [n, 2 * n, 5 * n]); // between counts
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const font = (size = 11) => `${size}px ${getComputedStyle(document.body).fontFamily}`;

const LINES = { first: { width: 2 }, second: { width: 1.5, dash: [6, 3] }, third: { width: 1.5, dash: [2, 3] } };
const COLOURS = { first: 'accent', second: 'chart-2', third: 'chart-3' };

// Points that have no neighbour to be joined with, and the newest: a line alone would not show them.
function lonely(values) {
  const last = values.findLastIndex((v) => v !== null);
  return values.flatMap((v, i) => (v !== null && (i === last || ((values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null)) ? [i] : []));
}

const inside = (plot, v) => v !== null && v >= plot.scales.y.min && v <= plot.scales.y.max;
const y = (plot, v) => Math.round(plot.valToPos(v, 'y', true));
const edges = ({ norm, low, high }) => [[norm, 'usual', [1, 4], 'quiet'], [low, 'tolerated', [7, 5], 'stop'], [high, 'tolerated', [7, 5], 'stop']];

// What is tolerated as a tinted ground, its edges dashed, what is usual dotted.
function drawBand(plot, band) {
  const { ctx, bbox } = plot;
  const bottom = bbox.top + bbox.height;
  const edge = (v, otherwise) => (v === null ? otherwise : Math.min(bottom, Math.max(bbox.top, y(plot, v))));
  ctx.save();
  ctx.fillStyle = colour('band');
  const top = edge(band.high, bbox.top);
  ctx.fillRect(bbox.left, top, bbox.width, edge(band.low, bottom) - top);
  for (const [v, name, dash, ink] of edges(band)) {
    if (!inside(plot, v)) continue;
    ctx.strokeStyle = colour(ink);
    ctx.lineWidth = devicePixelRatio * (name === 'usual' ? 1.5 : 1);
    ctx.setLineDash(dash.map((n) => n * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y(plot, v));
    ctx.lineTo(bbox.left + bbox.width, y(plot, v));
    ctx.stroke();
  }
  ctx.restore();
}

// Their names, over the line, with a rim that keeps them apart from it; what is usual goes unnamed where there is no room.
function drawNames(plot, band) {
  const { ctx, bbox } = plot;
  const px = devicePixelRatio;
  const bounds = [band.low, band.high].filter((v) => inside(plot, v));
  ctx.save();
  Object.assign(ctx, { font: font(10.5 * px), textAlign: 'left', lineWidth: 2.5 * px, lineJoin: 'round', strokeStyle: colour('card') });
  for (const [v, name, , ink] of edges(band)) {
    if (!inside(plot, v) || (name === 'usual' && bounds.some((t) => Math.abs(y(plot, t) - y(plot, v)) < 15 * px))) continue;
    const below = v === band.low || y(plot, v) - bbox.top < 14 * px;
    ctx.textBaseline = below ? 'top' : 'bottom';
    ctx.fillStyle = colour(ink);
    const at = [bbox.left + 4 * px, y(plot, v) + (below ? 3 : -2) * px];
    ctx.strokeText(name, ...at);
    ctx.fillText(name, ...at);
  }
  ctx.restore();
}

// 0 to what is reached, the tolerated with it; or about what there is, where 0 says nothing.
function reach(columns, { norm, low, high }, { floor = 0, near = 0, top = null }) {
  const all = [...columns.flat(), norm, low, high, top].filter((v) => v !== null && v !== undefined);
  const [least, most] = all.length ? [Math.min(...all), Math.max(...all)] : [0, floor || 1];
  if (near) {
    const pad = Math.max((most - least) * 0.15, near / 2);
    return [Math.max(0, least - pad), most + pad];
  }
  return [0, Math.max(most * 1.15, floor) || 1];
}

// spec: { title, what, write, lines: [title of each], floor, near, top, bars, tall }. Band, values: by put().
export class Chart {
  #plot = null;
  #data = null;
  #band = null;
  #parts;
  #spec;
  #painted = '';

  constructor(parent, spec) {
    this.#spec = { lines: [spec.title], ...spec };
    const figure = child(parent, 'figure', `chart${spec.tall ? ' tall' : ''}`);
    const caption = child(figure, 'figcaption');
    const head = child(caption, 'div', 'head');
    const title = child(head, 'h4');
    title.textContent = spec.title;
    const what = child(title, 'span', 'what');
    what.textContent = ` ${spec.what}`;
    const badge = child(head, 'span', 'badge');
    badge.hidden = true;
    const row = child(caption, 'div', 'figure-row');
    const now = child(row, 'p', 'now');
    const extra = child(row, 'div', 'extra');
    if (hasCharts && this.#spec.lines.length > 1) this.#explain(caption);
    this.#parts = { figure, badge, now, summary: child(caption, 'p', 'summary'), plot: child(figure, 'div', 'plot'), extra, table: child(figure, 'div', 'numbers') };
    this.#parts.plot.setAttribute('aria-hidden', 'true');
    this.#parts.table.tabIndex = 0;
    this.#parts.table.setAttribute('role', 'region');
    this.#parts.table.setAttribute('aria-label', `${spec.title}: numbers`);
    if (hasCharts) new ResizeObserver(() => this.#resize()).observe(this.#parts.plot);
  }

  // Which line is which.
  #explain(caption) {
    const key = child(caption, 'p', 'key');
    key.setAttribute('aria-hidden', 'true');
    this.#spec.lines.forEach((name, i) => {
      child(key, 'i', `line-${i + 1}`);
      child(key, 'span').textContent = name;
    });
  }

  get extra() {
    return this.#parts.extra;
  }

  // times [n], columns [lines][n], now: what stands large, alarmed: whether an alarm of it is raised.
  put({ times, columns, band = { norm: null, low: null, high: null }, now, note = '', alarmed = false, learning = false, tables = false, range }) {
    const painted = JSON.stringify([times, columns, band, now, note, alarmed, learning, tables, range]);
    if (painted === this.#painted) return;
    this.#painted = painted;
    [this.#data, this.#band] = [[times, ...columns], band];
    const { figure, badge, plot, table } = this.#parts;
    figure.classList.toggle('alarmed', alarmed);
    badge.hidden = !alarmed && !learning;
    badge.className = `badge ${alarmed ? 'bad' : 'calm'}`;
    badge.textContent = alarmed ? '▲ alarm' : '… learning';
    badge.title = alarmed ? '' : 'What is usual is known after twelve hours with data';
    this.#parts.now.textContent = now;
    this.#parts.summary.textContent = this.#words(note);
    plot.hidden = tables || !hasCharts;
    table.hidden = !plot.hidden;
    table.replaceChildren();
    if (plot.hidden) this.#tabulate(range);
    else this.#draw(range);
  }

  #words(note) {
    const { write, lines } = this.#spec;
    const said = this.#data.slice(1).map((column, i) => {
      const known = column.filter((v) => v !== null);
      if (!known.length) return '';
      const [least, most] = [Math.min(...known), Math.max(...known)];
      const name = lines.length > 1 ? `${lines[i]}: ` : '';
      return `${name}${least === most ? write(most) : `${write(least)} to ${write(most)}`}`;
    }).filter(Boolean);
    const upper = (text) => text.replace(/^./, (c) => c.toUpperCase());
    return [said.length ? said.join('; ') : 'nothing yet', bandText(this.#band, this.#spec.write), note].filter(Boolean).map(upper).join('. ');
  }

  #tabulate(range) {
    const { lines, write, title } = this.#spec;
    const table = child(this.#parts.table, 'table');
    child(table, 'caption', 'hidden-text').textContent = `${title}, newest first`;
    const heads = child(child(table, 'thead'), 'tr');
    for (const name of [range === 'hours' ? 'Hour' : 'Minute', ...(lines.length > 1 ? lines : [this.#spec.what])]) {
      const th = child(heads, 'th');
      th.scope = 'col';
      th.textContent = name;
    }
    const body = child(table, 'tbody');
    for (let i = this.#data[0].length - 1; i >= 0; i--) {
      if (this.#data.slice(1).every((column) => column[i] === null)) continue;
      const row = child(body, 'tr');
      const th = child(row, 'th');
      th.scope = 'row';
      th.textContent = timeOf(this.#data[0][i]);
      for (const column of this.#data.slice(1)) child(row, 'td').textContent = write(column[i]);
    }
    if (!body.children.length) child(child(body, 'tr'), 'td').textContent = 'nothing yet';
  }

  #draw(range) {
    if (!this.#plot) this.#open();
    if (!this.#plot) return;
    this.#plot.range = range;
    this.#plot.setData(this.#data);
  }

  #open() {
    const width = this.#parts.plot.clientWidth;
    if (width < 60) return; // not laid out yet: the observer comes back
    this.#plot = new uPlot(this.#options(width), this.#data, this.#parts.plot);
  }

  #resize() {
    const width = this.#parts.plot.clientWidth;
    if (width < 60 || !this.#data) return;
    if (!this.#plot) this.#open();
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height: this.#height() });
  }

  set hidden(hidden) {
    this.#parts.figure.hidden = hidden;
  }

  focus() {
    const { figure } = this.#parts;
    figure.tabIndex = -1;
    figure.scrollIntoView({ block: 'center' });
    figure.focus({ preventScroll: true });
  }

  repaint() {
    this.#plot?.redraw(false, true);
  }

  #height() {
    return this.#spec.tall ? 210 : 116;
  }

  #options(width) {
    const { lines, bars, write } = this.#spec;
    const names = ['first', 'second', 'third'];
    const axis = { stroke: () => colour('quiet'), font: font(), ticks: { show: false } };
    return {
      width, height: this.#height(), padding: [8, 6, 0, 0], legend: { show: false },
      cursor: { sync: { key: 'steno' }, x: true, y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true, ...(bars ? { range: (_, least, most) => this.#around(least, most) } : {}) }, y: { range: () => reach(this.#data.slice(1), this.#band, this.#spec) } },
      axes: [
        { ...axis, size: 24, gap: 4, space: 56, incrs: STEPS_S, grid: { show: false }, values: (_, ticks) => ticks.map((t) => moment(t, t)) },
        { ...axis, size: AXIS_PX, gap: 6, space: this.#spec.tall ? 34 : 30, ...(bars ? { incrs: WHOLE_STEPS } : {}), grid: { stroke: () => colour('line'), width: 1 }, values: (_, ticks) => ticks.map((v) => write(v)) },
      ],
      series: [{}, ...lines.map((label, i) => ({
        label, stroke: () => colour(COLOURS[names[i]]), ...LINES[names[i]], spanGaps: false,
        ...(bars ? { paths: uPlot.paths.bars({ size: [0.7, 40] }), fill: () => colour('accent'), width: 0 } : {}),
        points: bars ? { show: false } : { size: 6, width: 0, fill: () => colour(COLOURS[names[i]]), filter: (_, n) => lonely(this.#data[n]) },
      }))],
      hooks: { drawClear: [(plot) => learnt(this.#band) && drawBand(plot, this.#band)], draw: [(plot) => drawNames(plot, this.#band)], setCursor: [(plot) => this.#read(plot)] },
    };
  }

  // Bars stand half beside their time.
  #around(least, most) {
    const half = (this.#data[0][1] - this.#data[0][0]) / 2 || 30;
    return [least - half, most + half];
  }

  // What lies under the pointer, in place of the sentence's figure.
  #read(plot) {
    const at = plot.cursor.idx;
    const told = plot.cursor.left >= 0 && at !== null && at !== undefined;
    if (!told) {
      delete this.#parts.now.dataset.at;
      return;
    }
    const values = this.#data.slice(1).map((column) => this.#spec.write(column[at])); // in the order of the key
    this.#parts.now.dataset.at = `${timeOf(this.#data[0][at])}  ${values.join(' · ')}`;
  }
}

