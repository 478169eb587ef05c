import { shapeOf, type GraphBuilder, type Value } from '../ir/graph.ts';
import { Emission, type ParamDtypes, type Program } from './emission.ts';

/** The forward graph: from a graph's inputs and parameters to `results`, each under the name given for it. */
export function deriveForward(
  graph: GraphBuilder,
  results: Readonly<Record<string, Value>>,
  dtypes: ParamDtypes,
): Program {
  const emission = new Emission(graph, dtypes);
  for (const [name, value] of Object.entries(results)) {
    emission.onnx.output(name, emission.valueOf(value), 'float', shapeOf(value));
  }
  return emission.finish();
}
