import { join } from 'node:path';
/** Where the files of one image lie below the folder of a tissue prediction. */
export function tissueFiles(name) {
    return {
        mask: join('masks', `${name}.png`),
        coloured: join('coloured', `${name}.png`),
        margin: join('margins', `${name}.png`),
        overlay: join('overlays', `${name}.png`),
        polygons: join('polygons', `${name}.geojson`),
    };
}
/** The same of a prediction of cells. */
export function cellFiles(name) {
    return {
        points: join('points', `${name}.npy`),
        table: join('points', `${name}.csv`),
        geojson: join('points', `${name}.geojson`),
        candidates: join('candidates', `${name}.json`),
        overlay: join('overlays', `${name}.png`),
    };
}
