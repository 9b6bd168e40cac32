import { ELEMENT_TYPES, type GraphBuilder, type Value } from '../../onnx/graph/graph.ts';
import { add, integers, multiply } from '../../onnx/graph/operators.ts';
import type { Decision } from '../model-card.ts';
import { castTo, scalar } from './mean-of-folds.ts';

/** Largest confidence, see `argmaxAndConfidence`. */
const WHITE = 65535;
/** Label of a pixel for which the networks gave NaN; no class has this value. */
export const NOT_A_NUMBER = 255;

/** Outputs of the graph per pixel. */
export interface DecidedPixels {
  /** uint8 */
  readonly labels: Value;
  /** uint16 */
  readonly confidences: Value;
}

/**
 * Adds nodes that turn blended outputs into labels and confidences like `rowDecider`, in operations on whole planes.
 *
 * @param blended - [outputs + 1, rows, columns] float32: sums over tiles, with the count map as the last plane.
 */
export function decisionNodes(graph: GraphBuilder, blended: Value, outputs: number, decision: Decision): DecidedPixels {
  return new DecisionNodes(graph).decide(blended, outputs, decision);
}

class DecisionNodes {
  readonly #graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  decide(blended: Value, outputs: number, decision: Decision): DecidedPixels {
    const planes = Array.from({ length: outputs }, (_, plane) => this.#plane(blended, plane));
    const weights = this.#plane(blended, outputs);
    const { label, confidence } = this.#labelAndConfidence(planes, weights, decision);
    const zero = this.#difference('zeroOrNaN', this.#sum('every', planes));
    // NaN is not equal to itself; every provider has this operator.
    const isNumber = this.#node('isNumber', 'Equal', [zero, zero]);
    const decided = this.#node('said', 'Where', [isNumber, label, this.#number('none', NOT_A_NUMBER)]);
    const scaled = multiply(this.#graph, 'decide.scaled', confidence, this.#number('white', WHITE));
    const whole = this.#node('whole', 'Round', [scaled]);
    const cleared = this.#node('clear', 'Where', [isNumber, whole, this.#number('zero', 0)]);
    return {
      labels: castTo(this.#graph, 'labels', decided, ELEMENT_TYPES.uint8),
      confidences: castTo(this.#graph, 'margins', cleared, ELEMENT_TYPES.uint16),
    };
  }

  #labelAndConfidence(planes: readonly Value[], weights: Value, decision: Decision) {
    switch (decision.kind) {
      case 'softmax': {
        const { label, best, second } = this.#tournament(planes);
        const distance = this.#node('distance', 'Sub', [
          best,
          this.#node('second0', 'Max', [second, this.#number('zero', 0)]),
        ]);
        return { label, confidence: this.#node('margin', 'Div', [distance, weights]) };
      }
      case 'logits': {
        const means = planes.map((plane, at) => this.#node(`mean${at}`, 'Div', [plane, weights]));
        const { label, best, second } = this.#tournament(means);
        const powers = means.map((mean, at) => this.#powerOf(`power${at}`, mean, best));
        const nearest = this.#node('rest', 'Sub', [this.#number('one', 1), this.#powerOf('nearest', second, best)]);
        return { label, confidence: this.#node('margin', 'Div', [nearest, this.#sum('powers', powers)]) };
      }
      case 'regions':
        return this.#regions(planes, weights, decision.values);
      case 'threshold':
        throw new RangeError('Expected the decision of an nnU-Net, got a threshold');
    }
  }

  /** Finds the index of the largest plane (the first of equals), its value and the second largest value. */
  #tournament(planes: readonly Value[]) {
    const [first, ...others] = planes;
    if (first === undefined) throw new RangeError('Expected at least one class');
    let best = first;
    let second = this.#number('least', -3e38);
    let label = this.#number('zero', 0);
    for (const [at, plane] of others.entries()) {
      const number = at + 1;
      const isBetter = this.#node(`isBetter${number}`, 'Greater', [plane, best]);
      label = this.#node(`label${number}`, 'Where', [isBetter, this.#number(`class${number}`, number), label]);
      const lesser = this.#node(`lesser${number}`, 'Min', [plane, best]);
      second = this.#node(`second${number}`, 'Max', [second, lesser]);
      best = this.#node(`best${number}`, 'Max', [plane, best]);
    }
    return { label, best, second };
  }

  #regions(planes: readonly Value[], weights: Value, values: readonly number[]) {
    let label = this.#number('zero', 0);
    let confidence = this.#number('one', 1);
    for (const [at, plane] of planes.entries()) {
      const mean = this.#node(`mean${at}`, 'Div', [plane, weights]);
      const chance = this.#node(`chance${at}`, 'Sigmoid', [mean]);
      const isIn = this.#node(`isIn${at}`, 'Greater', [chance, this.#number('half', 0.5)]);
      label = this.#node(`label${at}`, 'Where', [isIn, this.#number(`value${at}`, values[at] ?? 0), label]);
      const twice = this.#node(`twice${at}`, 'Mul', [chance, this.#number('two', 2)]);
      const distance = this.#node(`distance${at}`, 'Abs', [
        this.#node(`signed${at}`, 'Sub', [twice, this.#number('one', 1)]),
      ]);
      confidence = this.#node(`margin${at}`, 'Min', [confidence, distance]);
    }
    return { label, confidence };
  }

  #powerOf(name: string, x: Value, best: Value): Value {
    return this.#node(name, 'Exp', [this.#node(`${name}.from`, 'Sub', [x, best])]);
  }

  /** Returns 0, or NaN where `x` is NaN or infinite. */
  #difference(name: string, x: Value): Value {
    return this.#node(name, 'Sub', [x, x]);
  }

  #sum(name: string, values: readonly Value[]): Value {
    return values.reduce((sum, value, at) => add(this.#graph, `decide.${name}.${at}`, sum, value));
  }

  #plane(x: Value, plane: number): Value {
    const index = integers(this.#graph, `decide.index${plane}`, [plane]);
    const [after, axis] = [
      integers(this.#graph, `decide.after${plane}`, [plane + 1]),
      integers(this.#graph, `decide.axis${plane}`, [0]),
    ];
    const slice = this.#node(`slice${plane}`, 'Slice', [x, index, after, axis]);
    return this.#node(`plane${plane}`, 'Squeeze', [slice, axis]);
  }

  #number(name: string, value: number): Value {
    const full = `decide.${name}.constant`;
    return this.#graph.has(full) ? { name: full } : scalar(this.#graph, full, value);
  }

  #node(name: string, operator: string, inputs: readonly Value[]): Value {
    return this.#graph.node(`decide.${name}`, operator, inputs);
  }
}
