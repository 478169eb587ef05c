import { useSyncExternalStore } from 'react';

const highest = 560;

/** A map's height in CSS pixels: `atLeast`, and more where the window is taller than what surrounds the map. */
export function useMapHeight(atLeast: number, surroundings: number): number {
  const windowHeight = useSyncExternalStore(listenToResize, () => window.innerHeight);
  return Math.min(highest, Math.max(atLeast, windowHeight - surroundings));
}

function listenToResize(listener: () => void): () => void {
  window.addEventListener('resize', listener);
  return () => window.removeEventListener('resize', listener);
}
