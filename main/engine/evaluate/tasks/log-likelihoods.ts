import { ActivationStore } from '../../runtime/activation-store.ts';
import { splitIntoRounds, type Batch } from '../../runtime/batch.ts';
import { forwardPass, hiddenKey } from '../../runtime/forward-pass.ts';
import type { MemoryPlan } from '../../runtime/memory-plan.ts';
import type { Network } from '../../runtime/network.ts';
import { partOf, type Pace } from '../../runtime/pace.ts';
import { inMemory } from '../../runtime/session.ts';
import type { QuestionTree, Reading } from './requests.ts';

/** Trees side by side in one row, and where each begins. */
interface Forest extends Batch {
  readonly trees: readonly { readonly question: number; readonly start: number }[];
}

/**
 * Most tokens of a forest. Matrix products gain nothing from more, and attention, which looks at every pair of
 * tokens of a forest, only to mask those of different trees, loses.
 */
const mostForestTokens = 512;

/** What a model makes of the choices of questions: for each question, a value for each choice. */
export interface ChoiceLikelihoods {
  /** Sum of log p of the choice's tokens, in natural logarithms. */
  readonly logLikelihoods: number[][];
  /** Whether the model would say the choice by itself: each of its tokens is the likeliest. */
  readonly isGreedy: boolean[][];
}

/** Asks for every choice. Every token that choices have in common at their beginning is computed once. */
export async function logLikelihoods(
  network: Network,
  questions: readonly QuestionTree[],
  { memory, scratchPath, pace }: { memory: MemoryPlan; scratchPath: string; pace: Pace },
): Promise<ChoiceLikelihoods> {
  const results: ChoiceLikelihoods = {
    logLikelihoods: questions.map(({ readings }) => readings.map(() => 0)),
    isGreedy: questions.map(({ readings }) => readings.map(() => true)),
  };
  const forests = packForests(questions, Math.min(mostForestTokens, memory.batchTokens));
  // Hidden states before and after a layer.
  const bytesPerToken = 2 * 4 * network.model.config.hiddenSize;
  const rounds = splitIntoRounds(forests, bytesPerToken, memory.activationBytes);
  for (const [i, round] of rounds.entries()) {
    const part = partOf(pace, i / rounds.length, (i + 1) / rounds.length);
    const store = new ActivationStore(scratchPath, Infinity);
    try {
      await forwardPass(network, round, store, partOf(part, 0, 0.9), false);
      for (const [j, forest] of round.entries()) {
        const hidden = await inMemory(await store.get(hiddenKey(network.layerCount, j)));
        store.drop(hiddenKey(network.layerCount, j));
        await addReadings(network, questions, forest, hidden, memory.batchTokens, results);
        await part.breathe();
        part.report(0.9 + (0.1 * (j + 1)) / round.length);
      }
    } finally {
      await store.close();
    }
  }
  return results;
}

/** Packs trees, in order, into forests of at most `mostTokens`; a larger tree is one by itself. */
function packForests(questions: readonly QuestionTree[], mostTokens: number): Forest[] {
  const groups: number[][] = [];
  let room = 0;
  for (const [question, { ids }] of questions.entries()) {
    if (groups.length === 0 || ids.length > room) {
      groups.push([]);
      room = mostTokens;
    }
    groups[groups.length - 1].push(question);
    room -= ids.length;
  }
  return groups.map((group) => forestOf(questions, group));
}

function forestOf(questions: readonly QuestionTree[], group: readonly number[]): Forest {
  const length = group.reduce((total, question) => total + questions[question].ids.length, 0);
  const ids = new Int32Array(length);
  const parents = new Int32Array(length);
  const positions = new Int32Array(length);
  let start = 0;
  const trees = group.map((question) => {
    const tree = questions[question];
    const place = { question, start };
    ids.set(tree.ids, start);
    positions.set(tree.positions, start);
    parents.set(
      tree.parents.map((parent) => (parent < 0 ? parent : parent + place.start)),
      start,
    );
    start += tree.ids.length;
    return place;
  });
  return { rows: 1, length, ids, tree: { parents, positions }, trees };
}

/** Reads the probabilities of a forest's choices and adds them to `results`. */
async function addReadings(
  network: Network,
  questions: readonly QuestionTree[],
  { trees }: Forest,
  hidden: Float32Array,
  batchTokens: number,
  { logLikelihoods: sums, isGreedy }: ChoiceLikelihoods,
): Promise<void> {
  const { hiddenSize } = network.model.config;
  const wanted = trees.flatMap(({ question, start }) =>
    questions[question].readings.flatMap((readings, choice) =>
      readings.map(({ node, token }): Reading & { question: number; choice: number } => ({
        node: start + node,
        token,
        question,
        choice,
      })),
    ),
  );
  for (let from = 0; from < wanted.length; from += batchTokens) {
    const part = wanted.slice(from, from + batchTokens);
    const x = new Float32Array(part.length * hiddenSize);
    for (const [i, { node }] of part.entries())
      x.set(hidden.subarray(node * hiddenSize, (node + 1) * hiddenSize), i * hiddenSize);
    const { losses, shortfalls } = await network.pickedTokens(
      x,
      Int32Array.from(part, ({ token }) => token),
    );
    for (const [i, { question, choice }] of part.entries()) {
      sums[question][choice] -= losses[i];
      if (shortfalls[i] > 0) isGreedy[question][choice] = false;
    }
  }
}
