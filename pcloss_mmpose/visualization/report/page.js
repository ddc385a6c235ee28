'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const PAGE = 24; // cards that are added at a time: a thousand at once would be slow
let chosen = []; // the images that pass the filters, in their order
let opened = -1; // which of them is in the dialog

// What is asked for.

function settings() {
  const landmark = byId('landmark').value;
  return {
    category: byId('category').value, landmark: landmark === '' ? null : Number(landmark),
    run: Number(byId('run').value), show: byId('show').value, order: byId('order').value,
  };
}

function meanError(image, run, landmark) {
  const all = landmark === null ? image.error[run] : [image.error[run][landmark]];
  const counted = all.filter((error) => error !== null);
  return counted.length ? counted.reduce((sum, error) => sum + error, 0) / counted.length : null;
}

const failures = {
  outlier: (image, run, landmark) => image.error[run].some(
    (error, k) => error !== null && error > data.outlier && (landmark === null || landmark === k)),
  duplicate: (image, run, landmark) => image.pairs[run].some(
    (pair) => landmark === null || pair.includes(landmark)),
  exchanged: (image, run, landmark) => image.exchanged[run].some(
    (pair) => landmark === null || pair.includes(landmark)),
};

function passes(image, { category, landmark, run, show }) {
  if (category && image.category !== category) return false;
  if (landmark !== null && image.visibility[landmark] === 0) return false;
  if (show === 'all') return true;
  const [kind, which] = show.split('-');
  const now = failures[kind](image, run, landmark);
  if (which === undefined) return now;
  const first = failures[kind](image, 0, landmark);
  return which === 'gone' ? first && !now : now && !first;
}

function sortKey(image, { landmark, run, order }) {
  const error = meanError(image, run, landmark);
  const first = meanError(image, 0, landmark);
  if (error === null || first === null) return Infinity; // what is not measured comes last
  return { worst: -error, best: error, better: error - first, worse: first - error }[order];
}

// What is drawn.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

function shape(name, attributes, title) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (title) made.append(Object.assign(document.createElementNS('http://www.w3.org/2000/svg', 'title'), { textContent: title }));
  return made;
}

function percent(error) {
  return error === null ? 'not counted' : `${(100 * error).toFixed(1)} %`;
}

// The image with the truth, or with what a run found; run null: the truth alone.
function drawing(image, run, landmark) {
  const [width, height] = image.size;
  const unit = Math.max(width, height) / 100;
  const drawn = shape('svg', { viewBox: `0 0 ${width} ${height}` });
  drawn.append(shape('image', { href: `data:image/jpeg;base64,${image.jpeg}`, width, height }));
  const inside = ([x, y]) => [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  data.landmarks.forEach((name, k) => {
    if (image.visibility[k] === 0) return;
    const dim = landmark !== null && landmark !== k ? ' dim' : '';
    const [tx, ty] = inside(image.truth[k]);
    if (run === null) {
      const occluded = image.visibility[k] === 1;
      const ring = { cx: tx, cy: ty, r: 2 * unit };
      drawn.append(shape('circle', { ...ring, class: `halo${dim}`, 'stroke-width': 1.8 * unit }));
      drawn.append(shape('circle', {
        ...ring, class: `truth${occluded ? ' occluded-truth' : ''}${dim}`, 'stroke-width': unit,
      }, occluded ? `${name}, occluded` : name));
      return;
    }
    const [x, y] = inside(image.found[run][k]);
    const error = image.error[run][k];
    const kind = error === null ? ' uncounted' : error > data.outlier ? ' outlier' : '';
    drawn.append(shape('line', { x1: tx, y1: ty, x2: x, y2: y, class: `miss${dim}`, 'stroke-width': unit }));
    drawn.append(shape('circle', { cx: x, cy: y, r: 1.8 * unit, class: `mark${kind}${dim}`, 'stroke-width': 0.6 * unit },
      `${name}: ${percent(error)}`));
  });
  if (run !== null) {
    image.exchanged[run].forEach((pair) => {
      const [[x1, y1], [x2, y2]] = pair.map((k) => inside(image.found[run][k]));
      const dim = landmark !== null && !pair.includes(landmark) ? ' dim' : '';
      drawn.append(shape('line', { x1, y1, x2, y2, class: `exchanged${dim}`, 'stroke-width': 1.2 * unit },
        `${pair.map((k) => data.landmarks[k]).join(' + ')}, exchanged`));
    });
    image.pairs[run].forEach((pair) => {
      const [x, y] = inside(image.found[run][pair[0]]);
      const dim = landmark !== null && !pair.includes(landmark) ? ' dim' : '';
      drawn.append(shape('circle', { cx: x, cy: y, r: 3.6 * unit, class: `twin${dim}`, 'stroke-width': 1.2 * unit },
        pair.map((k) => data.landmarks[k]).join(' + ')));
    });
  }
  return drawn;
}

function panels(image, landmark) {
  const truth = element('div', { class: 'panel' }, drawing(image, null, landmark), 'truth');
  return [truth, ...data.runs.map(({ name }, run) => {
    const error = meanError(image, run, landmark);
    return element('div', { class: 'panel' }, drawing(image, run, landmark), `${name}: ${percent(error)}`);
  })];
}

function card(index) {
  const image = chosen[index];
  const heading = `${image.category}, ${image.name.split('/').pop()}`;
  const made = element('button', { class: 'card', type: 'button', title: image.name },
    element('span', { class: 'name' }, heading), element('div', { class: 'panels' }, ...panels(image, settings().landmark)));
  made.addEventListener('click', () => open(index));
  return made;
}

function more() {
  const shown = byId('cards').children.length;
  const until = Math.min(shown + PAGE, chosen.length);
  for (let index = shown; index < until; index += 1) byId('cards').append(card(index));
  byId('more').hidden = until >= chosen.length;
}

// A category has the landmarks that are annotated on any of its images.
function offerLandmarks() {
  const { category } = settings();
  const own = data.images.filter((image) => !category || image.category === category);
  [...byId('landmark').options].slice(1).forEach((option, k) => {
    option.hidden = !own.some((image) => image.visibility[k] > 0);
    option.disabled = option.hidden; // Safari shows what is hidden
    if (option.hidden && option.selected) byId('landmark').value = '';
  });
}

function update() {
  offerLandmarks();
  const asked = settings();
  chosen = data.images.filter((image) => passes(image, asked));
  if (asked.order === 'name') {
    chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
  } else {
    const keys = new Map(chosen.map((image) => [image, sortKey(image, asked)]));
    chosen.sort((a, b) => (keys.get(a) === keys.get(b) ? 0 : keys.get(a) - keys.get(b)));
  }
  byId('count').textContent = `${chosen.length} of ${data.images.length} images`;
  byId('cards').replaceChildren();
  more();
}

// One image, large.

function open(index) {
  opened = index;
  const image = chosen[index];
  byId('large-title').textContent = `${index + 1} of ${chosen.length}: ${image.category}, ${image.name}`;
  byId('large-panels').replaceChildren(...panels(image, settings().landmark));
  const row = (tag, cells) => element('tr', {}, ...cells.map((text, column) => element(column ? tag : 'th', {}, text)));
  byId('large-errors').replaceChildren(
    row('th', ['error, % of T', ...data.runs.map(({ name }) => name)]),
    ...data.landmarks.flatMap((name, k) => (
      image.visibility[k] ? [row('td', [name, ...image.error.map((errors) => percent(errors[k]))])] : [])));
  byId('previous').disabled = index === 0;
  byId('next').disabled = index === chosen.length - 1;
  if (!byId('large').open) byId('large').showModal();
}

function step(by) {
  if (opened + by >= 0 && opened + by < chosen.length) open(opened + by);
}

byId('filters').addEventListener('change', update);
byId('filters').addEventListener('submit', (event) => event.preventDefault());
byId('more').addEventListener('click', more);
byId('previous').addEventListener('click', () => step(-1));
byId('next').addEventListener('click', () => step(1));
byId('close').addEventListener('click', () => byId('large').close());
document.addEventListener('keydown', (event) => { // of the document: a button that is disabled loses the focus
  if (!byId('large').open) return;
  if (event.key === 'ArrowLeft') step(-1);
  if (event.key === 'ArrowRight') step(1);
});
update();
