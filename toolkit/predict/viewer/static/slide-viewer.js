// Shows slides with their layers. Works offline: everything is loaded from this folder.
/* global OpenSeadragon */
(() => {
  const TILE = 512;
  const NAMES = { slide: 'Slide', classes: 'Tissue classes', confidence: 'Low confidence', cells: 'Cells' };
  const OPACITY = { slide: 1, classes: 0.5, confidence: 0, cells: 1 };
  // Shown if a layer has no tile. Otherwise OpenSeadragon would draw a tile of a smaller level, with parts of its neighbours.
  const BLANK = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
  const byId = (id) => document.getElementById(id);
  const slides = JSON.parse(byId('slides').textContent);
  let shown = slides[0];
  let items = new Map();

  const viewer = OpenSeadragon({
    element: byId('stage'),
    // From a local file, browsers let a page draw images but not read their pixels, which WebGL would need.
    drawer: 'canvas',
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: 'TOP_LEFT',
    navigatorSizeRatio: 0.16,
    navigatorOpacity: 1,
    navigatorBackground: '#fff',
    navigatorAutoFade: false,
    animationTime: 0.4,
    maxZoomPixelRatio: 8,
    visibilityRatio: 0.3,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    subPixelRoundingForTransparency: OpenSeadragon.SUBPIXEL_ROUNDING_OCCURRENCES.ALWAYS,
  });

  /** Describes the tiles of a layer for OpenSeadragon. */
  const sourceOf = (layer) => {
    const bits = layer.present.map((text) => atob(text));
    const last = layer.levels - 1;
    const folder = `tiles/${encodeURIComponent(shown.name)}/${layer.id}`;
    return {
      width: layer.width,
      height: layer.height,
      tileSize: TILE,
      minLevel: 0,
      maxLevel: last,
      hasTransparency: () => layer.id !== 'slide',
      getTileUrl: (level, column, row) => {
        const across = Math.ceil(Math.ceil(layer.width / 2 ** (last - level)) / TILE);
        const index = row * across + column;
        const exists = (bits[last - level].charCodeAt(index >> 3) >> (index & 7)) & 1;
        return exists ? `${folder}/${level}/${column}_${row}.${layer.format}` : BLANK;
      },
    };
  };

  // Only the slide is smoothed, so that labels keep their exact colours at every zoom.
  viewer.addHandler('tile-drawing', ({ context, tiledImage }) => {
    context.imageSmoothingEnabled = tiledImage === items.get('slide');
  });

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const show = (slide) => {
    shown = slide;
    items = new Map();
    viewer.world.removeAll();
    byId('layers').replaceChildren(...slide.layers.map(controlOf));
    byId('legend').replaceChildren(...slide.legend.flatMap(legendOf));
    byId('notes').replaceChildren(...slide.notes.map((note) => make('li', { textContent: note })));
    const scale = slide.mpp === undefined ? '' : `, ${Number(slide.mpp.toPrecision(4))} µm/px`;
    byId('about').textContent = `${slide.width} x ${slide.height} px${scale}`;
    slide.layers.forEach((layer, index) => {
      viewer.addTiledImage({
        tileSource: sourceOf(layer),
        index,
        x: 0,
        y: 0,
        width: 1,
        opacity: opacityOf(layer.id),
        success: ({ item }) => {
          items.set(layer.id, item);
          item.setOpacity(opacityOf(layer.id));
          item.addHandler('fully-loaded-change', ({ fullyLoaded }) => {
            byId(`show-${layer.id}`).dataset.loaded = fullyLoaded;
          });
        },
      });
    });
  };

  const opacityOf = (id) => (byId(`show-${id}`).checked ? Number(byId(`opacity-${id}`).value) / 100 : 0);

  const controlOf = ({ id }) => {
    const change = () => items.get(id)?.setOpacity(opacityOf(id));
    const box = make('input', { type: 'checkbox', id: `show-${id}`, checked: OPACITY[id] > 0, onchange: change });
    const range = make('input', { type: 'range', id: `opacity-${id}`, min: 0, max: 100, oninput: change });
    range.value = String(100 * (OPACITY[id] || 0.8));
    range.setAttribute('aria-label', `Opacity of ${NAMES[id].toLowerCase()}`);
    return make('div', { className: 'layer' }, make('label', {}, box, ` ${NAMES[id]}`), range);
  };

  const legendOf = ({ layer, classes }) => [
    make('h2', { textContent: NAMES[layer] }),
    make(
      'ul',
      {},
      ...classes.map(({ name, colour, amount }) => {
        const swatch = make('span', { className: 'swatch' });
        swatch.style.background = colour;
        const size = make('span', { className: 'amount', textContent: amount });
        return make('li', {}, swatch, make('span', { textContent: name }), size);
      }),
    ),
  ];

  /** Draws a scale bar of 1, 2 or 5 times a power of ten, at most 160 px long. */
  const drawScale = () => {
    const box = byId('scale');
    box.hidden = shown.mpp === undefined || viewer.world.getItemCount() === 0;
    if (box.hidden) return;
    const pixels = viewer.viewport.getContainerSize().x * viewer.viewport.getZoom(true);
    const perPixel = (shown.mpp * shown.width) / pixels;
    const power = 10 ** Math.floor(Math.log10(160 * perPixel));
    const length = [5, 2, 1].map((step) => step * power).find((each) => each <= 160 * perPixel) ?? power;
    byId('bar').style.width = `${length / perPixel}px`;
    byId('length').textContent = length >= 1000 ? `${length / 1000} mm` : `${Number(length.toPrecision(1))} µm`;
    box.setAttribute('aria-label', `Scale bar: ${byId('length').textContent}`);
  };

  for (const event of ['open', 'animation', 'update-viewport', 'resize']) viewer.addHandler(event, drawScale);
  const zoom = (factor) => viewer.viewport.zoomBy(factor).applyConstraints();
  byId('closer').onclick = () => zoom(1.5);
  byId('farther').onclick = () => zoom(1 / 1.5);
  byId('all').onclick = () => viewer.viewport.goHome();
  byId('slide').onchange = ({ target }) => show(slides[Number(target.value)]);
  show(shown);
})();
