import { describe, expect, it } from 'vitest';
import { calls, streams, type CallName, type CallRequest } from '../../preload/contract.ts';
import { emptyDraft } from '../../renderer/wizard/draft.ts';
import { fakeBridge } from './fixtures/fake-bridge.ts';

const calibration = { ...emptyDraft.calibration, sourceId: 'text' };
const evaluate = { ...emptyDraft.evaluation, textId: null };

const recover = { ...emptyDraft.recovery, dataId: 'text-demo-r' };

const requests: { readonly [N in CallName]?: CallRequest<N> } = {
  'settings:set': { theme: 'dark' },
  'model:inspect': { modelId: 'grouped' },
  'plan:preview': { modelId: 'deep', prune: emptyDraft.prune },
  'text:preview': { modelId: 'demo', calibration },
  'text:measure': { modelId: 'demo', evaluation: evaluate },
  'run:start': { modelId: 'demo', prune: emptyDraft.prune, calibration, evaluate, recover: null },
  'recovery:preview': { modelId: 'demo', recover },
  'recovery:estimate': { modelId: 'demo', prune: emptyDraft.prune, recover },
  'run:get': { runId: 'run-4' },
  'run:calibration': { runId: 'run-4' },
  'run:cancel': { runId: 'run-1' },
  'run:kill': { runId: 'run-1' },
  'run:resume': { runId: 'run-2' },
  'run:delete': { runId: 'run-3' },
  'run:restore': { runId: 'run-deleted' },
  'run:purge': { runId: 'run-deleted' },
  'run:annotate': { runId: 'run-3', tags: ['kept'] },
  'run:reorder': { runIds: [] },
  'dependency:weights': { modelId: 'grouped' },
  'dependency:chain': {
    modelId: 'deep',
    param: 'model.layers.4.mlp.down_proj.weight',
    dim: 0,
    index: 7,
    openLayer: 4,
  },
  'compare:models': {
    runs: [{ runId: 'run-4', roles: null }],
    modelIds: [],
    baseline: null,
    published: true,
  },
  'compare:export': {
    runs: [{ runId: 'run-4', roles: ['pruned'] }],
    modelIds: [],
    baseline: null,
    published: false,
    format: 'png',
    language: 'zh-CN',
  },
  'run:open-folder': { runId: 'run-4' },
  'generation:describe': { sources: [{ modelId: 'demo' }, { runId: 'run-4', which: 'pruned' }] },
  'generation:start': {
    sources: [{ modelId: 'demo' }],
    prompt: { kind: 'text', text: 'The river' },
    sampling: {
      temperature: 0,
      topK: 0,
      topP: 1,
      repetitionPenalty: 1,
      maxNewTokens: 2,
      stop: [],
      seed: 42,
    },
  },
  'generation:stop': { generationId: 'generation-1' },
};

describe('the stand-in studio', () => {
  it.each(Object.keys(calls) as CallName[])('keeps to the contract: %s', async (name) => {
    const answer = await fakeBridge({ runs: true }).call(name, requests[name]);
    expect(answer.ok).toBe(true);
    if (answer.ok) expect(() => calls[name].response.parse(answer.value)).not.toThrow();
  });

  it('streams what the contract says', async () => {
    const bridge = fakeBridge({ runs: true, stageMs: 100 });
    const heard = await new Promise<unknown>((resolve) => {
      bridge.listen('run:progress', resolve);
      void bridge.call('run:resume', { runId: 'run-2' });
    });
    expect(() => streams['run:progress'].parse(heard)).not.toThrow();
  });
});
