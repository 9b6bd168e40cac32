import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertDetector } from '../toolkit/yolo/convert/convert-detector.ts';
import { createCellDetector } from '../toolkit/yolo/detect/cell-detector.ts';
import { keptScore, readBoxes } from '../toolkit/yolo/detect/detection-files.ts';
import { SCRIPT_LIMITS } from '../toolkit/yolo/detect/nms.ts';
import { selectDetections } from '../toolkit/yolo/detect/select-detections.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// One image of 1024 x 1024 px from file to points, YOLOv5s, against PyTorch with the same weights and threads:
//     PEER_PYTHON=... tsx bench/detect-image.ts [threads, default 1]
const threads = Number(process.argv[2] ?? 1);
const folder = await mkdtemp(join(tmpdir(), 'bench-detect-'));
const detector = createCellDetector({ provider: 'cpu', threads });
const peer = new PythonPeer(join(import.meta.dirname, 'python', 'detect_image_peer.py'), [folder, String(threads)]);
try {
  await peer.ask('prepare');
  const modelDir = join(folder, 'model');
  await convertDetector({ checkpoint: join(folder, 'yolov5s.pt'), out: modelDir });
  const job = {
    ...{ modelDir, image: join(folder, 'image.png'), floor: keptScore(0.5), partialDir: join(folder, 'partial') },
    boxes: join(folder, 'ours.npy'),
  };
  const detect = async () => {
    const { seen } = await detector.detect(job);
    return await selectDetections(await readBoxes(job.boxes, seen), { ...SCRIPT_LIMITS, confidence: 0.5, iou: 0.5 });
  };
  const { points, file } = await detect();
  console.log(`points: ours ${points.length} of ${file.candidates.length} candidates, peer ${await peer.ask('count')}`);
  const result = await paired(inNode('reignite', detect), [peer.contender('pytorch')], 5);
  report(`YOLOv5s, 1024 x 1024 px, ${threads} thread(s)`, result);
} finally {
  peer.close();
  await detector.close();
  await rm(folder, { recursive: true });
}
