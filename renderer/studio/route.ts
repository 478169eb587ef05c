import { useSyncExternalStore } from 'react';

const draftSteps = ['model', 'plan', 'data', 'recovery'] as const;
export type DraftStep = (typeof draftSteps)[number];

const runViews = ['progress', 'results', 'importance'] as const;
type RunView = (typeof runViews)[number];

/** Where the person is. */
export type Route =
  | { readonly screen: 'home' | 'runs' | 'compare' | 'settings' }
  | { readonly screen: 'new'; readonly step: DraftStep }
  | { readonly screen: 'run'; readonly runId: string; readonly view: RunView };

export function parseRoute(written: string): Route {
  const [screen, first, second] = written.replace(/^#?\/?/, '').split('/');
  if (screen === 'runs' || screen === 'compare' || screen === 'settings') return { screen };
  if (screen === 'new') return { screen, step: draftSteps.find((step) => step === first) ?? 'model' };
  if (screen === 'run' && first)
    return {
      screen,
      runId: decodeURIComponent(first),
      view: runViews.find((view) => view === second) ?? 'progress',
    };
  return { screen: 'home' };
}

export function formatRoute(route: Route): string {
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
