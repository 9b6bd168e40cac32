import { GraphBuilder, type GraphNode, type OnnxGraph } from './graph.ts';

/** Adds the operators that replace a node; the last one has the node's name. */
export type NodeWriter = (built: GraphBuilder) => void;

/**
 * Copies a graph with some of its nodes replaced.
 *
 * @param writers - What replaces a node, by the name of the node.
 * @param dropped - Names of weights that the copy does not need.
 * @returns The graph itself if there is nothing to replace.
 */
export function rewriteNodes(
  graph: OnnxGraph,
  writers: ReadonlyMap<string, NodeWriter>,
  dropped: ReadonlySet<string> = new Set(),
): OnnxGraph {
  if (writers.size === 0) return graph;
  const built = new GraphBuilder(graph.name);
  for (const { name, elementType, shape } of graph.inputs) built.input(name, elementType, shape);
  for (const tensor of graph.tensors) if (!dropped.has(tensor.name)) built.tensor(tensor);
  for (const node of graph.nodes) {
    const write = writers.get(node.name);
    if (write === undefined) copyNode(built, node);
    else write(built);
  }
  for (const { name, elementType, shape } of graph.outputs) built.output({ name }, elementType, shape);
  return built.build();
}

function copyNode(built: GraphBuilder, { name, operator, inputs, attributes }: GraphNode): void {
  const values = inputs.map((input) => ({ name: input }));
  built.node(name, operator, values, Object.fromEntries(attributes.map((each) => [each.name, each.value])));
}
