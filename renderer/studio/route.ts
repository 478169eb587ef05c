import { useSyncExternalStore } from 'react';

const draftSteps = ['model', 'plan', 'data', 'recovery'] as const;
export type DraftStep = (typeof draftSteps)[number];

const runViews = ['progress', 'results', 'importance'] as const;
type RunView = (typeof runViews)[number];

/** The explorer, at a row or column; without a weight, at the first of the place, and without a place, of all. */
export interface DependencyRoute {
  readonly screen: 'dependencies';
  readonly place: number | 'embedding' | 'head' | null;
  readonly param: string | null;
  readonly dim: 0 | 1;
  readonly index: number;
}

/** Where the person is. */
export type Route =
  | DependencyRoute
  | { readonly screen: 'home' | 'runs' | 'compare' | 'settings' }
  | { readonly screen: 'new'; readonly step: DraftStep }
  | { readonly screen: 'run'; readonly runId: string; readonly view: RunView };

export function parseRoute(written: string): Route {
  const [screen, first, second, ...more] = written.replace(/^#?\/?/, '').split('/');
  if (screen === 'runs' || screen === 'compare' || screen === 'settings') return { screen };
  if (screen === 'new') return { screen, step: draftSteps.find((step) => step === first) ?? 'model' };
  if (screen === 'dependencies') return dependencyRoute(first, second, ...more);
  if (screen === 'run' && first)
    return {
      screen,
      runId: decodeURIComponent(first),
      view: runViews.find((view) => view === second) ?? 'progress',
    };
  return { screen: 'home' };
}

/** The explorer at a layer, at its first weight; without a layer, at the first of all. */
export function dependenciesAt(place: DependencyRoute['place']): DependencyRoute {
  return { screen: 'dependencies', place, param: null, dim: 0, index: 0 };
}

function dependencyRoute(place = '', param = '', dim = '', index = ''): DependencyRoute {
  const whole = (text: string): number | null => (/^\d{1,9}$/.test(text) ? Number(text) : null);
  return {
    screen: 'dependencies',
    place: place === 'embedding' || place === 'head' ? place : whole(place),
    param: param === '' ? null : decodeURIComponent(param),
    dim: dim === '1' ? 1 : 0,
    index: whole(index) ?? 0,
  };
}

export function formatRoute(route: Route): string {
  if (route.screen === 'dependencies') {
    const param = encodeURIComponent(route.param ?? '');
    return `#/dependencies/${route.place ?? ''}/${param}/${route.dim}/${route.index}`;
  }
  if (route.screen === 'new') return `#/new/${route.step}`;
  if (route.screen !== 'run') return `#/${route.screen}`;
  return `#/run/${encodeURIComponent(route.runId)}/${route.view}`;
}

/**
 * Goes to a screen. The route is kept as the history's state, which a reload keeps too, and not in the address: main
 * answers one address only.
 */
export function go(route: Route): void {
  const written = formatRoute(route);
  if (written === currentRoute()) return;
  window.history.pushState(written, '');
  tellRoute(written);
}

/** Goes to a screen in place of the one on screen, which going back then passes over. */
export function goInstead(route: Route): void {
  const written = formatRoute(route);
  window.history.replaceState(written, '');
  tellRoute(written);
}

function tellRoute(written: string): void {
  window.dispatchEvent(new PopStateEvent('popstate', { state: written }));
}

/** The route on screen; back and forward move through those before. */
export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(listenToHistory, currentRoute));
}

function currentRoute(): string {
  const state: unknown = window.history.state;
  return typeof state === 'string' ? state : window.location.hash;
}

function listenToHistory(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  return () => window.removeEventListener('popstate', listener);
}
