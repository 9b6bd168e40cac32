/**
 * Collects the nodes and weights of a graph in the order of execution.
 *
 * Weights are named and shaped here but read only when the model is written: a graph of 41 million
 * parameters costs a few kB until then.
 */
export class GraphBuilder {
    #name;
    #nodes = [];
    #tensors = new Map();
    #inputs = [];
    #outputs = [];
    #names = new Set();
    constructor(name) {
        this.#name = name;
    }
    /** Declares an input of the graph. @param shape - Every axis, outermost first. */
    input(name, elementType, shape) {
        this.#claim(name);
        this.#inputs.push({ name, elementType, shape });
        return { name };
    }
    /** Declares that `value` leaves the graph under its own name. */
    output(value, elementType, shape) {
        this.#outputs.push({ name: value.name, elementType, shape });
    }
    /** Adds weights; `tensor.read` is called once, when the model is written. */
    tensor(tensor) {
        this.#claim(tensor.name);
        this.#tensors.set(tensor.name, tensor);
        return { name: tensor.name };
    }
    /**
     * Adds a node with one output.
     *
     * @param name - Unique in the graph; the output bears it too.
     * @param operator - As in the ONNX operator list, e.g. `Conv`.
     */
    node(name, operator, inputs, attributes = {}) {
        this.#claim(name);
        this.#nodes.push({
            name,
            operator,
            inputs: inputs.map((input) => input.name),
            outputs: [name],
            attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, value })),
        });
        return { name };
    }
    build() {
        return {
            name: this.#name,
            nodes: [...this.#nodes],
            tensors: [...this.#tensors.values()],
            inputs: [...this.#inputs],
            outputs: [...this.#outputs],
        };
    }
    #claim(name) {
        if (this.#names.has(name))
            throw new RangeError(`The graph ${this.#name} has two values named ${name}`);
        this.#names.add(name);
    }
}
