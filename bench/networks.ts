import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertModel } from '../toolkit/nnunet/convert/convert-model.ts';
import { openNetworks } from '../toolkit/nnunet/networks/open-networks.ts';
import { convertDetector } from '../toolkit/yolo/convert/convert-detector.ts';
import { createCellDetector } from '../toolkit/yolo/detect/cell-detector.ts';
import { keptScore, readBoxes } from '../toolkit/yolo/detect/detection-files.ts';
import { SCRIPT_LIMITS } from '../toolkit/yolo/detect/nms.ts';
import { openDetector } from '../toolkit/yolo/detect/open-detector.ts';
import { selectDetections } from '../toolkit/yolo/detect/select-detections.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// One tile of a full-size nnU-Net v2 (the network alone), and YOLOv8n alone and from image file to boxes, against PyTorch:
//     PEER_PYTHON=... tsx bench/networks.ts [threads, default 1] [rounds, default 5]
const [threads, rounds] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 5)];
const folder = await mkdtemp(join(tmpdir(), 'bench-networks-'));
const peer = new PythonPeer(join(import.meta.dirname, 'python', 'networks_peer.py'), [folder, String(threads)]);
const detector = createCellDetector({ provider: 'cpu', threads });
try {
  await peer.ask('prepare');
  const [v2, yolo] = [join(folder, 'onnx-v2'), join(folder, 'onnx-yolo')];
  const source = join(folder, 'v2', 'nnUNetTrainer__nnUNetPlans__2d');
  await convertModel({ folder: source, folds: [0], name: 'checkpoint_final', out: v2 });
  const networks = await openNetworks(v2, { provider: 'cpu', threads });
  const { height, width } = networks.patch;
  const input = Float32Array.from({ length: 3 * height * width }, (_, at) => (at % 255) / 255);
  const output = new Float32Array(height * width * networks.classes);
  const tile = inNode('reignite', () => networks.run(0, input, output));
  report(
    `nnU-Net v2, ${height} x ${width} px, ${threads} thread(s)`,
    await paired(tile, [peer.contender('v2')], rounds),
  );
  await networks.release();

  await convertDetector({ checkpoint: join(folder, 'yolov8n.pt'), out: yolo, size: 640 });
  const yoloNetwork = await openDetector(yolo, { provider: 'cpu', threads });
  const [image, rows] = [new Float32Array(3 * 640 * 640).fill(0.5), new Float32Array(yoloNetwork.rows * 6)];
  const alone = inNode('reignite', () => yoloNetwork.run(image, rows));
  report(
    `YOLOv8n, the network alone, ${threads} thread(s)`,
    await paired(alone, [peer.contender('network')], 4 * rounds),
  );
  await yoloNetwork.release();
  const job = {
    ...{
      modelDir: yolo,
      image: join(folder, 'image.png'),
      floor: keptScore(0.25),
      partialDir: join(folder, 'partial'),
    },
    boxes: join(folder, 'ours.npy'),
  };
  const detect = inNode('reignite', async () => {
    const { seen } = await detector.detect(job);
    return selectDetections(await readBoxes(job.boxes, seen), { ...SCRIPT_LIMITS, confidence: 0.25, iou: 0.7 });
  });
  report(`YOLOv8n, 640 x 640 px, ${threads} thread(s)`, await paired(detect, [peer.contender('yolo')], 4 * rounds));
} finally {
  peer.close();
  await detector.close();
  await rm(folder, { recursive: true });
}
