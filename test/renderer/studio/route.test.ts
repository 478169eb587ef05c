import { describe, expect, it } from 'vitest';
import { formatRoute, parseRoute, type Route } from '../../../renderer/studio/route.ts';

const routes: readonly Route[] = [
  { screen: 'home' },
  { screen: 'runs' },
  { screen: 'compare' },
  { screen: 'settings' },
  { screen: 'dependencies', place: null, param: null, dim: 0, index: 0 },
  { screen: 'dependencies', place: 7, param: 'model.layers.7.mlp.down_proj.weight', dim: 1, index: 12 },
  { screen: 'dependencies', place: 'head', param: null, dim: 0, index: 0 },
  { screen: 'new', step: 'model' },
  { screen: 'new', step: 'plan' },
  { screen: 'new', step: 'data' },
  { screen: 'run', runId: 'a/b c', view: 'progress' },
  { screen: 'run', runId: 'demo-0.25', view: 'results' },
  { screen: 'run', runId: 'demo-0.25', view: 'importance' },
];

describe('routes', () => {
  it.each(routes)('are read as they were written: %o', (route) => {
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });

  it.each(['', '#', '#/nowhere', '#/run', '#/run/'])('lead home from %o', (written) => {
    expect(parseRoute(written)).toEqual({ screen: 'home' });
  });

  it('begin a new run at its model', () => {
    expect(parseRoute('#/new/elsewhere')).toEqual({ screen: 'new', step: 'model' });
  });
});
