import { comparedText } from '../../dataset/provenance.ts';
import { methodsText } from '../methods.ts';
import type { ReportData } from '../report-data.ts';
import { type Html, hrefOf, html } from './html.ts';

/** Lists what to cite when these results are used. Only a run on the paper's record cites the paper. */
export function citations({ summary, environments, provenance }: ReportData, version: string): string[] {
  const { record, run, digest, ended } = summary;
  const used = environments[0]?.reignite ?? version;
  const when = ended === undefined ? '' : `, ${ended.slice(0, 10)}`;
  const ours = `reignite ${used}, run ${run}, configuration ${digest}${when}.`;
  switch (provenance.kind) {
    case 'paper':
      return [
        `The data: IGNITE data toolkit, Zenodo, record ${record}. https://doi.org/10.5281/zenodo.${hrefOf(record)}. CC BY-NC-SA 4.0.`,
        'The paper: the IGNITE data toolkit, arXiv:2507.16855. https://arxiv.org/abs/2507.16855',
        `This reproduction: ${ours}`,
      ];
    case 'synthetic':
      return [`This run on synthetic sample data, which reproduces no publication: ${ours}`];
    case 'other':
      return [`The data: ${comparedText(provenance, record)}, under its own licence.`, `This run: ${ours}`];
  }
}

export function citeSection(data: ReportData, version: string): Html {
  const items = citations(data, version).map((text) => html`<li>${linked(text)}</li>`);
  return html`<ul>${items}</ul><p><img src="assets/badge.svg" alt="Badge with the verdict and its date"> The badge: <a href="assets/badge.svg">assets/badge.svg</a></p>${methodsSection(data)}`;
}

function methodsSection(data: ReportData): Html {
  const methods = methodsText(data).map((text) => html`<p>${text}</p>`);
  if (methods.length === 0) {
    return html`<p class="note">There is no methods text, because the data are synthetic.</p>`;
  }
  return html`<details><summary>Methods, for a paper</summary>${methods}<p class="note">Also as text: <a href="assets/methods.txt">assets/methods.txt</a></p></details>`;
}

/** Turns https URLs in a text into links. */
function linked(text: string): Html[] {
  return text
    .split(/(https:\/\/[^\s<>"]+?(?=\.?(?:\s|$)))/)
    .map((part, k) => (k % 2 === 0 ? html`${part}` : html`<a href="${part}">${part}</a>`));
}
