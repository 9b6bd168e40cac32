const NAME_WIDTH = 28;
/** What a person reads of one image. */
export function describePrediction(image) {
    const size = `${image.width} x ${image.height} px${image.mpp === undefined ? '' : `, ${image.mpp} µm/px`}`;
    const how = image.cached ? 'from the cache' : `${image.seconds.toFixed(1)} s on ${image.provider}`;
    return [
        `${image.name}: ${size}, ${how}`,
        ...(image.areas ?? []).map(({ name, share, mm2 }) => row(name, `${(100 * share).toFixed(2).padStart(6)} %${mm2 === undefined ? '' : `  ${mm2.toFixed(4)} mm²`}`)),
        ...(image.counts ?? []).map(({ name, count, perMm2 }) => row(name, `${String(count).padStart(6)}${perMm2 === undefined ? '' : `  ${perMm2.toFixed(1)} /mm²`}`)),
        ...image.notes.map((note) => `  ${note}`),
    ];
}
/** What a person reads of an image that could not be predicted. */
export function describeFailure({ code, cause, remedy }) {
    return `error ${code}: ${cause}\n  ${remedy}`;
}
/** All numbers of all images as CSV, one line a class of an image. */
export function predictionTable(images) {
    const areas = images.flatMap(({ name, areas = [] }) => areas.map((area) => [quoted(name), area.value, quoted(area.name), area.pixels, area.share, area.mm2 ?? '']));
    const counts = images.flatMap(({ name, counts = [] }) => counts.map((each) => [quoted(name), each.value, quoted(each.name), each.count, each.perMm2 ?? '']));
    const isTissue = images.some(({ areas: of }) => of !== undefined);
    const head = isTissue ? 'image,label,name,pixels,share,mm2' : 'image,class,name,cells,per_mm2';
    return `${[head, ...(isTissue ? areas : counts).map((cells) => cells.join(','))].join('\n')}\n`;
}
function row(name, value) {
    return `  ${name.padEnd(NAME_WIDTH)} ${value}`;
}
function quoted(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
