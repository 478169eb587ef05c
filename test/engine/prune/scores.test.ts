import { describe, expect, it } from 'vitest';
import type { GqaFold } from '../../../main/engine/prune/unit-scores.ts';
import { prunedShapes, selectLocally } from '../../../main/engine/prune/plan.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated, type Estimated } from '../../fixtures/estimating.ts';
import { goldenModelFolder, goldenScoreNames, goldenScores } from '../../fixtures/golden-files.ts';
import type { AggregationName, CriterionName, GoldenPicks } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';

const aggregationNames: readonly AggregationName[] = ['sum', 'mean', 'max', 'prod', 'first', 'last'];
it.each(goldenScoreNames)('measure %s', async (name) => {
  const golden = goldenScores(name);
  const network = await openNetwork(goldenModelFolder(golden.model));
  const rows: string[] = [];
  const t = Date.now();
  for (const [criterion, id] of [['vector', 'taylor-vector'], ['element1', 'taylor-element1'], ['l1', 'magnitude-l1'], ['l2', 'magnitude-l2']] as const) {
    for (const batchTokens of [48, 2**20]) {
    const worst: Record<string, number> = {};
    let skipped = 0, picks = 0, bad = 0;
    for (const aggregation of aggregationNames) {
      const g = golden.scores[criterion][aggregation];
      for (const fold of ['correct', 'published'] as const) {
        const want = fold === 'correct' ? g.kvHeads : g.kvHeadsPublishedFold;
        if (!want) continue;
        const r = await estimated(network, { criterion: id, aggregation, fold, rows: golden.inputIds, batchTokens });
        for (let l = 0; l < network.layerCount; l++) {
          const s = r.scores.get(l)!;
          worst[aggregation] = Math.max(worst[aggregation] ?? 0, worstOfLargest(s.heads!, want[l]), worstOfLargest(s.channels!, g.channels[l]));
        }
        if (fold === 'correct') for (const ratio of [0.25, 0.5]) {
          const p = golden.picks[criterion][aggregation][String(ratio)];
          const windows = { attention: [0, network.layerCount] as const, mlp: [0, network.layerCount] as const };
          const plan = selectLocally(network.model.config, prunedShapes(network.model.config, { ratio, windows }), r.scores);
          plan.layers.forEach((lp, l) => {
            picks += 2;
            if (String(lp.attention.keptHeads) !== String(p.keptHeads[l])) { bad++; rows.push(`head ${aggregation} ${ratio} ${l} gap ${p.gapHeads[l]}`); }
            if (String(lp.mlp.keptChannels) !== String(p.keptChannels[l])) { bad++; rows.push(`ch ${aggregation} ${ratio} ${l} gap ${p.gapChannels[l]}`); }
            for (const gap of [p.gapHeads[l], p.gapChannels[l]]) if (gap !== null && gap < 1e-4) skipped++;
          });
        }
      }
    }
    rows.push(`${criterion} ${batchTokens} ${Object.entries(worst).map(([k, v]) => `${k} ${v.toExponential(1)}`).join(' ')} picks ${picks} bad ${bad} close ${skipped}`);
    }
  }
  console.log(name, Date.now() - t, 'ms\n' + rows.join('\n'));
});
