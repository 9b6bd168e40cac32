/** The report's only style sheet: system fonts, light and dark, paper. Colours keep a contrast of 4.5:1. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1d22; --soft: #565b66; --paper: #fdfcfa; --card: #ffffff; --line: #d9d6cf;
  --link: #0b5394; --good: #1d6b3a; --near: #7a5200; --bad: #a3201d; --none: #565b66; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e7e2; --soft: #a9adb6; --paper: #16181c; --card: #1f2227;
  --line: #3a3e46; --link: #8ab9f1; --good: #7fd6a0; --near: #f0c263; --bad: #ff9a93; --none: #a9adb6; } }
* { box-sizing: border-box; }
html { font: 17px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
body { margin: 0; color: var(--ink); background: var(--paper); }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 3rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
p, ul, dl { max-width: 46rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.lead, .note, caption, figcaption, .facts dt { color: var(--soft); }
.verdicts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); padding: 0; list-style: none; max-width: none; }
.verdicts li { background: var(--card); border: 1px solid var(--line); border-top: 5px solid var(--tone); border-radius: 6px; padding: 1rem 1.1rem; }
.verdicts h3 { margin: 0; font-size: 1rem; }
.verdicts .said { font-size: 1.5rem; font-weight: 650; color: var(--tone); margin: .1rem 0 .5rem; }
.verdicts p { margin: .4rem 0 0; font-size: .92rem; }
[data-verdict="reproduced"] { --tone: var(--good); } [data-verdict="within tolerance"] { --tone: var(--near); }
[data-verdict="differs"] { --tone: var(--bad); } [data-verdict="not comparable"] { --tone: var(--none); }
.tag { color: var(--tone); font-weight: 600; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; margin: .6rem 0 1rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
td { white-space: nowrap; } th:first-child { text-align: left; font-weight: 500; } thead th { color: var(--soft); font-weight: 600; }
.figures, .gallery { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); padding: 0; list-style: none; max-width: none; }
.figures { grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: .5rem; }
figure img { display: block; width: 100%; height: auto; max-height: 46rem; object-fit: contain; }
figcaption { color: #565b66; font-size: .85rem; padding-top: .4rem; }
.gallery li { background: var(--card); border: 1px solid var(--line); border-radius: 6px; overflow: hidden; font-size: .85rem; }
.gallery img { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: contain; background: #fff; }
.gallery .about { padding: .5rem .7rem .7rem; overflow-wrap: anywhere; }
.bar { display: flex; gap: .6rem; flex-wrap: wrap; align-items: center; margin: .6rem 0 1rem; }
select, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: 4px; padding: .25rem .5rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; font-size: .88rem; }
details { border-bottom: 1px solid var(--line); padding: .6rem 0; } summary { cursor: pointer; font-weight: 600; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; } .facts dd { margin: 0; overflow-wrap: anywhere; }
footer { padding: 3rem 1.25rem 4rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 34rem) { html { font-size: 16px; } .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: .5rem; } }
@media print { html { font-size: 10pt; } .bar { display: none; } h2 { break-after: avoid; } figure, .gallery li, .verdicts li { break-inside: avoid; }
  .gallery { grid-template-columns: repeat(3, 1fr); } details > * { display: block; } }
`;

/** Sorts and filters the gallery; without it everything is there all the same, worst first. */
export const SCRIPT = `
for (const bar of document.querySelectorAll('.bar')) {
  const list = document.getElementById(bar.dataset.for);
  const items = [...list.children];
  const [order, filter] = [bar.querySelector('select'), bar.querySelector('input')];
  const keyOf = { difference: (li) => -li.dataset.difference, ours: (li) => +li.dataset.ours, name: (li) => li.dataset.roi };
  const show = () => {
    const key = keyOf[order.value];
    items.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.dataset.roi < b.dataset.roi ? -1 : 1));
    for (const li of items) { li.hidden = !li.dataset.roi.includes(filter.value.trim()); list.append(li); }
  };
  order.addEventListener('change', show);
  filter.addEventListener('input', show);
}
`;
