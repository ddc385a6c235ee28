'use strict';
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const FILTERS = ['category', 'landmark', 'run', 'show', 'far', 'order'];
const USUAL = {
  category: '', landmark: '', run: String(data.runs.length - 1), show: 'all', far: data.far, order: 'worst', image: '',
};
const PAGE = 24; // cards that are added at a time: a thousand at once would be slow
const REACH = 22; // pixels around a dot that belong to it
let asked = null; // what the address asks for
let chosen = []; // the images that pass the filters, in their order
let pinned = null; // the landmark that was clicked in the large view

data.images.forEach((image, index) => { image.index = index; });

// What is asked for stands in the address, so that a view can be shared and the browser goes back to it.

function read() {
  const given = Object.fromEntries(new URLSearchParams(window.location.hash.slice(1)));
  const wanted = { ...USUAL, ...given };
  FILTERS.forEach((name) => {
    if (![...byId(name).options].some((option) => option.value === wanted[name])) wanted[name] = USUAL[name];
  });
  if (!/^\d+$/.test(wanted.image) || !data.images[wanted.image]) wanted.image = '';
  wanted.k = wanted.landmark === '' ? null : data.landmarks.indexOf(wanted.landmark);
  return wanted;
}

function ask(changes, replace = false) {
  const wanted = { ...asked, ...changes };
  const told = Object.keys(USUAL).filter((name) => wanted[name] !== USUAL[name]).map((name) => [name, wanted[name]]);
  window.history[replace ? 'replaceState' : 'pushState'](null, '', `#${new URLSearchParams(told)}`);
  show();
}

// What passes, and in which order.

function meanError(image, run, landmark) {
  const all = landmark === null ? image.error[run] : [image.error[run][landmark]];
  const counted = all.filter((error) => error !== null);
  return counted.length ? counted.reduce((sum, error) => sum + error, 0) / counted.length : null;
}

const isFar = (error) => error !== null && error > Number(asked.far);

const within = (pairs, landmark) => pairs.some((pair) => landmark === null || pair.includes(landmark));

const failures = {
  far: (image, run, landmark) => image.error[run].some(
    (error, k) => isFar(error) && (landmark === null || landmark === k)),
  duplicate: (image, run, landmark) => within(image.pairs[run], landmark),
  exchanged: (image, run, landmark) => within(image.exchanged[run], landmark),
};

function passes(image, { category, k, run, show: shown }) {
  if (category && image.category !== category) return false;
  if (k !== null && image.visibility[k] === 0) return false;
  if (shown === 'all') return true;
  if (shown === 'lower' || shown === 'higher') {
    const change = meanError(image, run, k) - meanError(image, 0, k);
    return shown === 'lower' ? change < 0 : change > 0;
  }
  const [kind, which] = shown.split('-');
  const now = failures[kind](image, run, k);
  if (which === undefined) return now;
  const first = failures[kind](image, 0, k);
  return which === 'gone' ? first && !now : now && !first;
}

function sortKey(image, { k, run, order }) {
  const error = meanError(image, run, k);
  const first = meanError(image, 0, k);
  if (error === null || first === null) return Infinity; // what is not measured comes last
  return { worst: -error, best: error, better: error - first, worse: first - error }[order];
}

function choose() {
  chosen = data.images.filter((image) => passes(image, asked));
  if (asked.order === 'name') {
    chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
  } else {
    const keys = new Map(chosen.map((image) => [image, sortKey(image, asked)]));
    chosen.sort((a, b) => (keys.get(a) === keys.get(b) ? 0 : keys.get(a) - keys.get(b)));
  }
}

// What is drawn.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

const percent = (error) => (error === null ? 'not counted' : `${(100 * error).toFixed(1)}\u00a0%`);
const baseName = (image) => image.name.split('/').pop();

// A line that is seen on white and on black.
function cased(ends, name, width) {
  const [x1, y1, x2, y2] = ends;
  return [['casing', 2], [name, 1]].map(([kind, times]) => shape('line', {
    x1, y1, x2, y2, class: kind, 'stroke-width': times * width,
  }));
}

// Texts beside their points; where all are shown, they move down from those that they would lie on.
function labels(points, [width], unit) {
  const height = 4.6 * unit;
  const placed = [];
  return [...points].sort((a, b) => a.y - b.y).map(({ k, x, y, off }) => {
    const text = data.landmarks[k];
    const end = x > width / 2;
    const left = end ? x - 3 * unit - text.length * 2.2 * unit : x + 3 * unit;
    const box = { left, right: left + text.length * 2.2 * unit, y };
    placed.forEach((other) => {
      const beside = box.right <= other.left || other.right <= box.left;
      if (!beside && Math.abs(box.y - other.y) < height) box.y = other.y + height;
    });
    placed.push(box);
    return shape('text', {
      x: end ? x - 3 * unit : x + 3 * unit, y: y + 1.3 * unit, 'font-size': 4 * unit, 'stroke-width': unit,
      'text-anchor': end ? 'end' : 'start', 'data-k': k, style: `--down: ${box.y - y}px`,
    }, text, shape('tspan', { class: 'off' }, off));
  });
}

// The image with the truth, or with what a run found; run null: the truth alone.
function drawing(image, run, large) {
  const [width, height] = image.size;
  const unit = Math.max(width, height) / 100;
  const href = `data:image/jpeg;base64,${byId(`picture-${image.index}`).textContent}`;
  const drawn = shape('svg', { viewBox: `0 0 ${width} ${height}` }, shape('image', { href, width, height }));
  const inside = ([x, y]) => [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  const annotated = data.landmarks.map((_, k) => k).filter((k) => image.visibility[k] > 0);
  const truth = image.truth.map(inside);
  const found = run === null ? truth : image.found[run].map(inside);
  const pairEnds = (pair) => pair.flatMap((k) => found[k]);
  const own = (pair) => pair.every((k) => image.visibility[k] > 0);
  data.links.filter(own).forEach((link) => drawn.append(
    shape('g', { class: 'outline' }, ...cased(pairEnds(link), 'link', 0.6 * unit))));
  annotated.forEach((k) => {
    const spot = shape('g', { class: 'spot', 'data-k': k });
    const [x, y] = found[k];
    if (run === null) {
      const ring = { cx: x, cy: y, r: 2 * unit };
      spot.append(shape('circle', { ...ring, class: 'halo', 'stroke-width': 1.8 * unit }));
      spot.append(shape('circle', {
        ...ring, class: `truth${image.visibility[k] === 1 ? ' occluded-truth' : ''}`, 'stroke-width': unit,
      }));
    } else {
      const error = image.error[run][k];
      const kind = error === null ? ' uncounted' : isFar(error) ? ' far' : '';
      spot.append(...cased([...truth[k], x, y], 'miss', 0.9 * unit));
      spot.append(shape('circle', { cx: x, cy: y, r: 1.8 * unit, class: `mark${kind}`, 'stroke-width': 0.6 * unit }));
    }
    drawn.append(spot);
  });
  if (run !== null) {
    image.exchanged[run].forEach((pair) => {
      const [x1, y1, x2, y2] = pairEnds(pair);
      drawn.append(shape('line', {
        x1, y1, x2, y2, class: 'spot exchanged', 'stroke-width': 1.2 * unit, 'data-k': pair.join(' '),
      }));
    });
    image.pairs[run].forEach((pair) => {
      const [cx, cy] = found[pair[0]];
      drawn.append(shape('circle', {
        cx, cy, r: 3.6 * unit, class: 'spot twin', 'stroke-width': 1.2 * unit, 'data-k': pair.join(' '),
      }));
    });
  }
  if (large) {
    drawn.spots = annotated.flatMap((k) => [[k, ...found[k]], [k, ...truth[k]]]);
    drawn.append(...labels(annotated.map((k) => {
      const [x, y] = found[k];
      return { k, x, y, off: run === null ? '' : ` ${percent(image.error[run][k])}` };
    }), image.size, unit));
  } else {
    light(drawn, asked.k);
  }
  return drawn;
}

// A landmark's dots, names and row stand out from the others; null: none does.
function light(part, landmark) {
  part.classList.toggle('lit', landmark !== null);
  part.querySelectorAll('[data-k]').forEach((each) => (
    each.classList.toggle('on', landmark !== null && each.dataset.k.split(' ').includes(String(landmark)))));
}

function panels(image, large) {
  const truth = element('div', { class: 'panel true' }, drawing(image, null, large), 'truth');
  return [truth, ...data.runs.map(({ name, color }, run) => element(
    'div', { class: 'panel' }, drawing(image, run, large),
    element('i', { class: 'dot', style: `background: ${color}` }),
    `${name}: ${percent(meanError(image, run, asked.k))}`))];
}

function card(image) {
  const made = element(
    'button', { class: 'card', type: 'button' },
    element('span', { class: 'name' }, `${image.category}, ${baseName(image)}`),
    element('span', { class: 'panels' }, ...panels(image, false)));
  made.addEventListener('click', () => ask({ image: String(image.index) }));
  return made;
}

function more() {
  const shown = byId('cards').children.length;
  byId('cards').append(...chosen.slice(shown, shown + PAGE).map(card));
  byId('more').hidden = shown + PAGE >= chosen.length;
}

// A category has the landmarks that are annotated on any of its images.
function offerLandmarks() {
  const own = data.images.filter((image) => !asked.category || image.category === asked.category);
  [...byId('landmark').options].slice(1).forEach((option, k) => {
    option.hidden = !own.some((image) => image.visibility[k] > 0);
    option.disabled = option.hidden; // Safari shows what is hidden
    if (option.hidden && asked.k === k) Object.assign(asked, { landmark: '', k: null });
  });
}

function show() {
  const before = asked;
  asked = read();
  offerLandmarks();
  FILTERS.forEach((name) => { byId(name).value = asked[name]; });
  if (!before || FILTERS.some((name) => before[name] !== asked[name])) {
    choose();
    const views = [...document.querySelectorAll('[data-view]')];
    const view = views.some((each) => each.dataset.view === asked.category) ? asked.category : '';
    views.forEach((each) => { each.hidden = each.dataset.view !== view; });
    byId('count').textContent = `${chosen.length} of ${data.images.length} images`;
    byId('cards').replaceChildren();
    more();
  }
  if (asked.image === '') {
    byId('large').close();
  } else if (!before || before.image !== asked.image || !byId('large').open) {
    open(data.images[asked.image]);
  }
}

// One image, large.

function open(image) {
  const place = chosen.indexOf(image);
  pinned = asked.k;
  const count = place < 0 ? '' : `${place + 1} of ${chosen.length}: `; // an address may open what its filters drop
  byId('large-title').textContent = `${count}${image.category}, ${baseName(image)}`;
  byId('large-panels').replaceChildren(...panels(image, true));
  const line = (name, errors, attributes = {}) => element(
    'tr', attributes, element('th', { scope: 'row' }, name),
    ...errors.map((error) => (
      element('td', { class: isFar(error) ? 'far' : '' }, error === null ? '–' : percent(error)))));
  const annotated = data.landmarks.map((name, k) => [name, k]).filter(([, k]) => image.visibility[k] > 0);
  const heads = data.runs.map(({ name }) => element('th', { scope: 'col' }, name));
  byId('large-errors').replaceChildren(
    element('thead', {}, element('tr', {}, element('th', {}, 'error, % of T'), ...heads)),
    element('tbody', {}, ...annotated.map(([name, k]) => line(
      image.visibility[k] === 1 ? `${name}, occluded` : name, image.error.map((errors) => errors[k]),
      { 'data-k': k, tabindex: 0 }))),
    element('tfoot', {}, line('mean', image.error.map((_, run) => meanError(image, run, null)))));
  byId('previous').disabled = place <= 0;
  byId('next').disabled = place < 0 || place === chosen.length - 1;
  light(byId('large'), pinned);
  if (!byId('large').open) byId('large').showModal();
}

function step(by) {
  const place = chosen.indexOf(data.images[asked.image]);
  if (place >= 0 && chosen[place + by]) ask({ image: String(chosen[place + by].index) }, true);
}

// The landmark whose dot is under the pointer, or the next to it.
function nearest(event) {
  const drawn = event.target.closest('svg');
  if (!drawn) return null;
  const toScreen = drawn.getScreenCTM();
  const distance = ([, x, y]) => {
    const at = new DOMPoint(x, y).matrixTransform(toScreen);
    return Math.hypot(at.x - event.clientX, at.y - event.clientY);
  };
  const best = drawn.spots.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return distance(best) <= REACH ? best[0] : null;
}

function rowOf(event) {
  const row = event.target.closest('tr[data-k]');
  return row ? Number(row.dataset.k) : null;
}

function pin(landmark) {
  pinned = landmark === pinned ? null : landmark;
  light(byId('large'), pinned);
}

[['large-panels', nearest], ['large-errors', rowOf]].forEach(([id, find]) => {
  byId(id).addEventListener('pointermove', (event) => {
    const landmark = event.pointerType === 'mouse' ? find(event) : null;
    light(byId('large'), landmark === null ? pinned : landmark);
  });
  byId(id).addEventListener('pointerleave', () => light(byId('large'), pinned));
  byId(id).addEventListener('click', (event) => pin(find(event)));
});
byId('large-panels').addEventListener('click', () => {
  const row = byId('large-errors').querySelector('.on');
  if (row) row.scrollIntoView({ block: 'nearest' });
});
byId('large-errors').addEventListener('focusin', (event) => light(byId('large'), rowOf(event)));
byId('large-errors').addEventListener('keydown', (event) => { if (event.key === 'Enter') pin(rowOf(event)); });

// All errors as a file.

function cell(value) {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value; // or a spreadsheet would compute it
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function errorsAsCsv() {
  const heads = data.runs.map(({ name }) => `error in % of T, ${name}`);
  const lines = [['image', 'category', 'landmark', 'visibility', ...heads]];
  data.images.forEach((image) => data.landmarks.forEach((name, k) => {
    if (image.visibility[k] === 0) return;
    const errors = image.error.map((all) => (all[k] === null ? '' : (100 * all[k]).toFixed(3)));
    lines.push([image.name, image.category, name, image.visibility[k] === 1 ? 'occluded' : 'visible', ...errors]);
  }));
  return lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

byId('csv').addEventListener('click', () => {
  const href = URL.createObjectURL(new Blob(['\ufeff', errorsAsCsv()], { type: 'text/csv' }));
  element('a', { href, download: 'errors.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
});

byId('filters').addEventListener('change', (event) => ask({ [event.target.id]: event.target.value }));
byId('filters').addEventListener('submit', (event) => event.preventDefault());
document.querySelectorAll('[data-ask]').forEach((button) => button.addEventListener('click', () => {
  ask(Object.fromEntries(new URLSearchParams(button.dataset.ask)));
  byId('count').scrollIntoView({ block: 'center' });
}));
byId('more').addEventListener('click', more);
byId('previous').addEventListener('click', () => step(-1));
byId('next').addEventListener('click', () => step(1));
byId('close').addEventListener('click', () => ask({ image: '' }));
byId('large').addEventListener('close', () => { if (asked.image !== '') ask({ image: '' }); });
['names', 'outline'].forEach((id) => byId(id) && byId(id).addEventListener('change', (event) => (
  byId('large').classList.toggle(`show-${id}`, event.target.checked))));
document.addEventListener('keydown', (event) => { // of the document: a button that is disabled loses the focus
  if (!byId('large').open) return;
  if (event.key === 'ArrowLeft') step(-1);
  if (event.key === 'ArrowRight') step(1);
});
window.addEventListener('popstate', show);
if (window.matchMedia('(max-width: 48rem)').matches) {
  document.querySelectorAll('details ~ details').forEach((each) => { each.open = false; });
}
show();
