/**
 * SHA-256 of the checkpoints of the sample, which were trained on synthetic images, not on tissue. They are identified
 * by content, so that copies, renamed files, single folds and conversions are recognised. A test compares the list with
 * `data/sample`.
 */
const SYNTHETIC_CHECKPOINTS: ReadonlySet<string> = new Set([
  // he, folds 0 to 4
  '169c0aadcc3227d4eb439d7b6f4c0732b494547ee6d966ca27a14280bd32dea5',
  '04a3755644183371115c8e6346c6cb148a4d2aa32d9a384dbe4dcd501c345272',
  '420ed1c2f0a19c1294fa10c2abf72789ad8092eb8d2ce70057bfa78b90acfa38',
  '8e5c5474d78703b0569c8f796599bf9785ee77911adeadd3fbd224201ba72ba5',
  'abc921a8264a63514e05eb4ba0ff7fb792bd2fd91e38e0db17b0709be072d517',
  // nuclei, pdl1
  '1f20c3fcccc70b81156fbbf934056e731fa85c1a119fde34121ac3eff021c05b',
  '6de7c512b0de55fabeb76dd9483ece98a84bbaa3e24ec268f2fb33bfc3502f7e',
]);

/**
 * Returns whether any checkpoint of a model was trained on synthetic images.
 *
 * @param checkpoints - SHA-256 of each checkpoint.
 */
export function isTrainedOnSynthetic(checkpoints: readonly { readonly sourceSha256: string }[]): boolean {
  return checkpoints.some(({ sourceSha256 }) => SYNTHETIC_CHECKPOINTS.has(sourceSha256));
}
