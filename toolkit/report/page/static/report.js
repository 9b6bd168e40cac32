// The report's script: sorts the galleries and shows a region with its layers. It works from disk, without network. If
// scripts are disabled, everything except the viewer still works.

const { words, rois } = JSON.parse(document.getElementById('viewer-data').textContent);

for (const bar of document.querySelectorAll('.bar')) orderGallery(bar);
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details:not(.same)')) details.open = true;
});

for (const place of document.querySelectorAll('main .wide')) {
  let width = 0;
  // A collapsed table has no width until it is opened.
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    arrange(place.querySelector('table'), width);
  }).observe(place);
}

/** Shows a table that is too wide row by row, every value with the heading of its column. */
function arrange(table, width) {
  table.classList.remove('rows');
  if (width === 0 || table.offsetWidth <= width) return;
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  for (const row of table.tBodies[0].rows) {
    for (const cell of row.cells) {
      cell.dataset.head = heads[cell.cellIndex];
      if (cell.textContent === '–') cell.dataset.missing = '';
    }
  }
  table.classList.add('rows');
}

/** Sorts and filters a gallery according to its controls. */
function orderGallery(bar) {
  const list = document.getElementById(bar.dataset.for);
  const [order, filter, said] = [bar.querySelector('select'), bar.querySelector('input'), bar.querySelector('output')];
  const items = [...list.children];
  const keyOf = {
    difference: (item) => -item.dataset.difference,
    lowest: (item) => +item.dataset.ours,
    highest: (item) => -item.dataset.ours,
    change: (item) => -Math.abs(item.dataset.change),
    name: () => 0,
  };
  const show = () => {
    const key = keyOf[order.value];
    const wanted = filter.value.trim().toLowerCase();
    items.sort((a, b) => key(a) - key(b) || (a.dataset.roi < b.dataset.roi ? -1 : 1));
    for (const item of items) item.hidden = !item.dataset.roi.toLowerCase().includes(wanted);
    list.append(...items);
    said.textContent = `${items.filter((item) => !item.hidden).length} of ${items.length}`;
  };
  order.addEventListener('change', show);
  filter.addEventListener('input', show);
  show();
}

const MICROMETRES_PER_PIXEL = 0.5;
const LONGEST_BAR = 160;
const BARS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];
const FINEST = 16;
const LAYERS = ['image', 'truth', 'published', 'ours', 'confidence', 'differ'];
const SHOWN_FIRST = ['image', 'ours', 'differ'];

const viewer = document.getElementById('viewer');
const part = (name) => viewer.querySelector(`[data-part="${name}"]`);
const stage = part('stage');
const sheet = part('sheet');
const byKey = new Map(rois.map((roi, index) => [`${roi.task}/${roi.roi}`, index]));
const on = new Set(SHOWN_FIRST);
const view = { zoom: 1, x: 0, y: 0, isWhole: true };
let current;
let spot = -1;
let opener;

for (const link of document.querySelectorAll('a[data-view]')) {
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    opener = link;
    open(byKey.get(link.dataset.view));
  });
}
const asked = decodeURIComponent(location.hash).match(/^#view=(.+)$/);
if (asked && byKey.has(asked[1])) open(byKey.get(asked[1]));

/** Shows a region. Its neighbours are those in the current order of its gallery. */
function open(index) {
  current = rois[index];
  spot = -1;
  part('title').textContent = current.roi;
  part('said').textContent = current.said;
  part('said').dataset.verdict = current.verdict;
  part('about').textContent = current.about;
  sheet.replaceChildren(...LAYERS.flatMap(imageOf));
  part('layers').replaceChildren(...LAYERS.flatMap(switchOf));
  part('opacity').hidden = !words[current.task].isMask;
  part('legend').replaceChildren(...legendOf());
  part('legend').closest('.wide').hidden = current.classes.length === 0;
  part('notes').textContent = current.notes.join(' ');
  part('spots').hidden = current.spots.length === 0;
  stage.setAttribute('aria-label', `${current.roi}: arrow keys pan, plus and minus zoom, 0 fits the image`);
  if (!viewer.open) viewer.showModal();
  history.replaceState(null, '', `#view=${encodeURIComponent(`${current.task}/${current.roi}`)}`);
  tellSpot();
  showAll();
  stage.focus();
}

function imageOf(layer) {
  const file = current.files[layer];
  if (file === undefined) return [];
  const image = new Image();
  image.src = file.split('/').map(encodeURIComponent).join('/');
  image.alt = '';
  image.draggable = false;
  image.dataset.layer = layer;
  image.hidden = !on.has(layer);
  return [image];
}

function nameOf(layer) {
  return words[current.task].layers[layer];
}

function switchOf(layer, place) {
  if (nameOf(layer) === '') return [];
  const label = document.createElement('label');
  const box = document.createElement('input');
  const { [layer]: file, ours, published } = current.files;
  Object.assign(box, { type: 'checkbox', checked: on.has(layer) && file !== undefined, disabled: file === undefined });
  box.addEventListener('change', () => toggle(layer, box.checked));
  box.dataset.layer = layer;
  const isSame = layer === 'published' && file !== undefined && file === ours;
  const reason = layer === 'differ' && published !== undefined ? 'nothing differs' : 'not available';
  const remark = isSame
    ? `, the same as ${words[current.task].sides?.[1] ?? 'reproduced'}`
    : file === undefined
      ? `, ${reason}`
      : '';
  label.append(
    box,
    ` ${nameOf(layer)}${remark} `,
    Object.assign(document.createElement('kbd'), { textContent: place + 1 }),
  );
  return [label];
}

function toggle(layer, isOn) {
  on[isOn ? 'add' : 'delete'](layer);
  for (const image of sheet.children) image.hidden = !on.has(image.dataset.layer);
  const box = part('layers').querySelector(`[data-layer="${layer}"]`);
  if (box !== null && !box.disabled) box.checked = isOn;
}

/** Fills the legend: the colour of every label, and how much of it there is. */
function legendOf() {
  const { labels, isShare, truth } = words[current.task];
  const amount = (value) => (value === null ? '–' : isShare ? `${(100 * value).toFixed(1)} %` : value);
  const head = ['', truth, ...(words[current.task].sides ?? ['published', 'reproduced'])];
  return [head, ...current.classes].map((row) => {
    const line = document.createElement('tr');
    if (row === head) line.append(...head.map((text) => cell('th', text)));
    else {
      // A custom detector may have more classes than the task.
      const { name, colour } = labels[row.label] ?? { name: `class ${row.label}`, colour: 'grey' };
      const first = cell('th', ` ${name}`);
      const swatch = Object.assign(document.createElement('i'), { className: 'swatch' });
      swatch.style.background = colour;
      first.prepend(swatch);
      line.append(first, ...[row.truth, row.published, row.ours].map((value) => cell('td', amount(value))));
    }
    return line;
  });
}

function cell(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function draw(isWhole = false) {
  view.isWhole = isWhole;
  const { width, height } = current;
  sheet.style.width = `${width * view.zoom}px`;
  sheet.style.height = `${height * view.zoom}px`;
  sheet.style.translate = `${view.x}px ${view.y}px`;
  sheet.classList.toggle('fine', view.zoom >= 2);
  const longest = (LONGEST_BAR / view.zoom) * MICROMETRES_PER_PIXEL;
  const micrometres = BARS.findLast((bar) => bar <= longest) ?? BARS[0];
  part('scale').style.width = `${(micrometres / MICROMETRES_PER_PIXEL) * view.zoom}px`;
  part('scale').textContent = micrometres < 1000 ? `${micrometres} µm` : `${micrometres / 1000} mm`;
}

/** Returns the zoom at which the whole region is visible. */
function wholeZoom() {
  return Math.min(stage.clientWidth / current.width, stage.clientHeight / current.height);
}

function showAll() {
  view.zoom = wholeZoom();
  centre(current.width / 2, current.height / 2, true);
}

/** Centres a position of the region, in its px. */
function centre(x, y, isWhole = false) {
  view.x = stage.clientWidth / 2 - x * view.zoom;
  view.y = stage.clientHeight / 2 - y * view.zoom;
  draw(isWhole);
}

/** Zooms so that the position under (x, y) of the stage does not move. */
function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const zoom = Math.min(FINEST, Math.max(wholeZoom() / 2, view.zoom * factor));
  view.x = x - ((x - view.x) * zoom) / view.zoom;
  view.y = y - ((y - view.y) * zoom) / view.zoom;
  view.zoom = zoom;
  draw();
}

function move(x, y) {
  view.x += x;
  view.y += y;
  draw();
}

/** Shows the next hotspot at which the predictions differ. */
function nextSpot(step) {
  const { spots } = current;
  if (spots.length === 0) return;
  spot = (spot + step + spots.length) % spots.length;
  view.zoom = Math.max(view.zoom, 3);
  centre(spots[spot].x, spots[spot].y);
  tellSpot();
}

function tellSpot() {
  const { spots, task } = current;
  const [one, many] = words[task].differing;
  const counted = (count, singular, plural) => `${count} ${count === 1 ? singular : plural}`;
  part('spot').textContent =
    spot < 0
      ? counted(spots.length, 'place', 'places')
      : `difference ${spot + 1} of ${spots.length}: ${counted(spots[spot].count, one, many)}`;
}

/** Shows the region before or after this one in its gallery. */
function neighbour(step) {
  const list = document.getElementById(`gallery-${current.task}`);
  const keys = [...list.querySelectorAll('li:not([hidden]) a[data-view]')].map((link) => link.dataset.view);
  const at = keys.indexOf(`${current.task}/${current.roi}`);
  open(byKey.get(keys[(at + step + keys.length) % keys.length]));
}

const ACTIONS = {
  closer: () => zoomBy(1.5),
  farther: () => zoomBy(1 / 1.5),
  fit: showAll,
  pixels: () => zoomBy(1 / view.zoom),
  spot: () => nextSpot(1),
  previous: () => neighbour(-1),
  next: () => neighbour(1),
  close: () => viewer.close(),
};
for (const button of viewer.querySelectorAll('button')) {
  button.addEventListener('click', () => ACTIONS[button.dataset.act]());
}
part('opacity').addEventListener('input', (event) => {
  sheet.style.setProperty('--mask', event.target.value / 100);
});

const STEP = 60;
const KEYS = {
  ArrowLeft: () => move(STEP, 0),
  ArrowRight: () => move(-STEP, 0),
  ArrowUp: () => move(0, STEP),
  ArrowDown: () => move(0, -STEP),
  '+': ACTIONS.closer,
  '=': ACTIONS.closer,
  '-': ACTIONS.farther,
  0: showAll,
  d: ACTIONS.spot,
  n: ACTIONS.next,
  p: ACTIONS.previous,
};
viewer.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isArrow = event.key.startsWith('Arrow');
  if (isArrow && event.target !== stage) return;
  const layer = LAYERS[event.key - 1];
  const act = KEYS[event.key] ?? (layer && (() => toggle(layer, !on.has(layer))));
  if (act === undefined) return;
  event.preventDefault();
  act();
});

const fingers = new Map();
stage.addEventListener('pointerdown', (event) => {
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
});
stage.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (before === undefined) return;
  const [other] = [...fingers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
  if (other === undefined) move(event.clientX - before.clientX, event.clientY - before.clientY);
  else {
    const apart = ({ clientX, clientY }) => Math.hypot(clientX - other.clientX, clientY - other.clientY);
    const { left, top } = stage.getBoundingClientRect();
    zoomBy(apart(event) / Math.max(1, apart(before)), other.clientX - left, other.clientY - top);
  }
  fingers.set(event.pointerId, event);
});
for (const end of ['pointerup', 'pointercancel']) {
  stage.addEventListener(end, ({ pointerId }) => fingers.delete(pointerId));
}
stage.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    const { left, top } = stage.getBoundingClientRect();
    zoomBy(1.0015 ** -event.deltaY, event.clientX - left, event.clientY - top);
  },
  { passive: false },
);
new ResizeObserver(() => {
  if (viewer.open && view.isWhole) showAll();
}).observe(stage);
viewer.addEventListener('close', () => {
  history.replaceState(null, '', location.pathname + location.search);
  opener?.focus();
});
