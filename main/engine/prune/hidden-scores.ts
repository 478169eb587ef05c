import { needsData, type WeightCriterion } from '../criteria/criterion.ts';
import { lossWeights } from '../runtime/batch.ts';
import { forwardPass, hiddenKey } from '../runtime/forward-pass.ts';
import type { LayerWeights, Network, PartGradient, WantedGradients } from '../runtime/network.ts';
import { partOf, type Pace } from '../runtime/pace.ts';
import { RandomStream } from '../tensor/random.ts';
import {
  backwardLayer,
  calibrationBatches,
  PartGradients,
  type CalibrationBatches,
} from './calibration-pass.ts';
import { lossGradients, upstreamKey } from '../runtime/loss-gradients.ts';
import type { EstimateRequest, EstimateResult } from './estimate.ts';
import { hiddenParts, type HiddenMember, type HiddenPart, type NetworkPart } from './hidden-group.ts';
import { MemberScorer, type Contraction, type SalienceSums } from './member-scores.ts';
import { RowBlocks, storedRows } from './row-blocks.ts';
import { joiningOf, type HiddenScores } from './total-hidden-scores.ts';

export interface HiddenEstimateRequest extends Omit<EstimateRequest, 'fold' | 'windows' | 'done' | 'save'> {
  /** Parts whose scores are known from before an interruption. */
  readonly done: ReadonlySet<HiddenScores['part']>;
  /** Takes each part's scores as soon as they are there. */
  readonly save: (scores: HiddenScores) => Promise<void>;
}

/**
 * Scores the hidden indices, part by part of the network. With a gradient criterion: one forward pass that keeps each
 * layer's input, the loss, and one backward pass, from the head down to the embedding.
 */
export async function estimateHidden(
  network: Network,
  request: HiddenEstimateRequest,
): Promise<EstimateResult> {
  const { criterion, done } = request;
  const { family, config } = network.model;
  if (criterion.kind === 'drawn') {
    if (done.has('network')) return {};
    const random = new RandomStream(request.seed, 'random-criterion', network.layerCount);
    const hidden = Array.from({ length: config.hiddenSize }, () => criterion.draw(random));
    await request.save({ part: 'network', members: 1, hidden });
    return {};
  }
  const scorer = new MemberScorer(criterion, request.session);
  const parts = hiddenParts(family, config, request.aggregation).filter(({ part }) => !done.has(part));
  const work = new HiddenWork(network, scorer, criterion, parts, request);
  try {
    if (needsData(criterion)) return { calibrationLoss: await work.scoreByGradient() };
    await work.scoreByWeights();
    return {};
  } finally {
    await scorer.release();
  }
}

const noBatches = { batches: [], fisherWeights: [] };

class HiddenWork {
  constructor(
    private readonly network: Network,
    private readonly scorer: MemberScorer,
    private readonly criterion: WeightCriterion,
    private readonly parts: readonly HiddenPart[],
    private readonly request: HiddenEstimateRequest,
  ) {}

  async scoreByWeights(): Promise<void> {
    const { pace } = this.request;
    for (const [i, { part, members }] of this.parts.entries()) {
      if (typeof part === 'number') {
        await this.scoreLayer(part, members, await this.network.takeLayer(part), new Map());
      } else {
        await this.scoreEnd(part, members, new Map(), this.rowBlocksOf(members, noBatches));
      }
      await pace.breathe();
      pace.report((i + 1) / this.parts.length);
    }
  }

  /** Mean loss over the calibration set. */
  async scoreByGradient(): Promise<number> {
    const { store, pace } = this.request;
    const calibration = calibrationBatches(this.request);
    await forwardPass(this.network, calibration.batches, store, partOf(pace, 0, 0.25), true);
    const lossSum = await this.scoreHead(calibration, partOf(pace, 0.25, 0.35));
    const layers = this.parts.map(({ part }) => part).filter((part) => typeof part === 'number');
    const embedding = this.membersOf('embedding');
    const lowest = embedding.length > 0 ? 0 : Math.min(this.network.layerCount, ...layers);
    const steps = this.network.layerCount - lowest + 1;
    for (let layer = this.network.layerCount - 1; layer >= lowest; layer--) {
      const weights = await this.network.takeLayer(layer);
      if (layer > lowest) this.network.prefetchLayer(layer - 1);
      const members = this.membersOf(layer);
      const wanted = wantedOf(members);
      const gradients = await backwardLayer(this.network, layer, weights, calibration, wanted, this.request);
      if (members.length > 0) await this.scoreLayer(layer, members, weights, gradients.contractions);
      gradients.drop();
      pace.report(0.35 + (0.65 * (this.network.layerCount - layer)) / steps);
    }
    if (embedding.length > 0) await this.scoreEmbedding(embedding, calibration);
    pace.report(1);
    return lossSum / calibration.predicted;
  }

  private membersOf(name: NetworkPart): readonly HiddenMember[] {
    return this.parts.find(({ part }) => part === name)?.members ?? [];
  }

  /** A matrix that the embedding has too is scored there, from the hidden states before the head once more. */
  private async scoreHead(calibration: CalibrationBatches, pace: Pace): Promise<number> {
    const { store } = this.request;
    const members = this.membersOf('head');
    const vectors = new PartGradients(store, calibration.fisherWeights);
    const matrices = this.rowBlocksOf(members, calibration);
    const head = {
      wanted: wantedOf(members),
      keepHidden: this.tiedIn(this.membersOf('embedding')).length > 0,
      take: async (batch: number, found: PartGradient): Promise<void> => {
        vectors.keepVectors(batch, found);
        for (const matrix of matrices) {
          const { x, dy } = found.contractions.get(matrix.param) ?? missing(matrix.param);
          await matrix.keepProduct(batch, x, dy);
        }
      },
    };
    const { batches, predicted } = calibration;
    const lossSum = await lossGradients(this.network, batches, 1 / predicted, { store, pace }, head);
    if (members.length > 0) await this.scoreEnd('head', members, vectors.contractions, matrices);
    return lossSum;
  }

  private async scoreEmbedding(
    members: readonly HiddenMember[],
    calibration: CalibrationBatches,
  ): Promise<void> {
    const { network } = this;
    const { store, pace } = this.request;
    const vectors = new PartGradients(store, calibration.fisherWeights);
    const matrices = this.rowBlocksOf(members, calibration);
    const tied = this.tiedIn(members);
    for (const [i, batch] of calibration.batches.entries()) {
      const found = await network.embedGradient(batch, await store.get(upstreamKey(i)), wantedOf(members));
      store.drop(upstreamKey(i));
      vectors.keepVectors(i, found);
      for (const matrix of matrices) {
        await matrix.keepLookup(i, found.lookups.get(matrix.param) ?? missing(matrix.param));
      }
      if (tied.length > 0) {
        const key = hiddenKey(network.layerCount, i);
        const weights = lossWeights(batch, 1 / calibration.predicted);
        const wanted = { contracted: tied, params: [] };
        const head = await network.lossesAndGradient(await store.get(key), batch, weights, wanted);
        store.drop(key);
        for (const matrix of matrices) {
          const product = head.contractions.get(matrix.param);
          if (product) await matrix.keepProduct(i, product.x, product.dy);
        }
      }
      await pace.breathe();
    }
    await this.scoreEnd('embedding', members, vectors.contractions, matrices);
  }

  /** Names of the matrices among these that the head reads as well. */
  private tiedIn(members: readonly HiddenMember[]): string[] {
    const read = this.network.headParams();
    return members
      .filter(({ isMatrix, param }) => isMatrix && read.includes(param))
      .map(({ param }) => param);
  }

  private rowBlocksOf(
    members: readonly HiddenMember[],
    { batches, fisherWeights }: Omit<CalibrationBatches, 'predicted'>,
  ): RowBlocks[] {
    const blockRows = this.scorer.blockRows(this.network.model.config.hiddenSize);
    return members
      .filter(({ isMatrix }) => isMatrix)
      .map(({ param }) => new RowBlocks(param, this.request.store, batches, fisherWeights, blockRows));
  }

  private async scoreLayer(
    layer: number,
    members: readonly HiddenMember[],
    weights: LayerWeights,
    contractions: ReadonlyMap<string, readonly Contraction[]>,
  ): Promise<void> {
    const sums = new Map<string, SalienceSums>();
    for (const { local, param, isMatrix } of members) {
      const own = contractions.get(local) ?? [];
      const dtype = this.network.weights.dtypeOf(param);
      if (dtype === 'int8-rows') throw new RangeError('Weights are scored as they are stored.');
      const found = isMatrix
        ? await this.scorer.sums({ feed: weights[local], dtype, contractions: own })
        : await this.vectorSums(param, own);
      sums.set(param, found);
      await this.request.pace.breathe();
    }
    await this.save(layer, members, sums);
  }

  private async scoreEnd(
    part: 'embedding' | 'head',
    members: readonly HiddenMember[],
    contractions: ReadonlyMap<string, readonly Contraction[]>,
    matrices: readonly RowBlocks[],
  ): Promise<void> {
    const sums = new Map<string, SalienceSums>();
    for (const { param, isMatrix } of members) {
      const matrix = matrices.find((candidate) => candidate.param === param);
      if (isMatrix) sums.set(param, await (matrix ?? missing(param)).sums(this.network, this.scorer));
      else sums.set(param, await this.vectorSums(param, contractions.get(param) ?? []));
      await this.request.pace.breathe();
    }
    await this.save(part, members, sums);
  }

  private async vectorSums(param: string, contractions: readonly Contraction[]): Promise<SalienceSums> {
    const [size] = this.network.model.checkpoint.info(param).shape;
    return this.scorer.sums({ ...(await storedRows(this.network, param, 0, size)), contractions });
  }

  private async save(
    part: NetworkPart,
    members: readonly HiddenMember[],
    sums: ReadonlyMap<string, SalienceSums>,
  ): Promise<void> {
    const { of, join } = joiningOf(this.request.aggregation);
    const { hiddenSize } = this.network.model.config;
    const scores = members.map((member) => {
      const units = memberScores(member, sums.get(member.param) ?? missing(member.param), hiddenSize);
      return Array.from(units, (sum) => of(this.criterion.score(sum)));
    });
    const hidden = scores.reduce((a, b) => a.map((score, i) => join(score, b[i])));
    await this.request.save({ part, members: members.length, hidden });
  }
}

function wantedOf(members: readonly HiddenMember[]): WantedGradients {
  const names = (of: boolean): string[] =>
    members.filter(({ isMatrix }) => isMatrix === of).map(({ local }) => local);
  return { contracted: names(true), params: names(false) };
}

/** Salience of one member by hidden index; a vector's is that of its columns as one row. */
function memberScores(
  { dim, isMatrix, unitOf }: HiddenMember,
  { rows, columns }: SalienceSums,
  hiddenSize: number,
): Float64Array {
  const along = isMatrix && dim === 0 ? rows : columns;
  const units = new Float64Array(hiddenSize);
  unitOf.forEach((unit, i) => {
    if (unit >= 0) units[unit] += along[i];
  });
  return units;
}

function missing(param: string): never {
  throw new RangeError(`${param} has no gradient.`);
}
