import { expect } from 'vitest';
import { EngineError } from '../../../main/engine/errors.ts';

/** The EngineError that `promise` rejects with; fails where it resolves or rejects with something else. */
export async function rejection(promise: Promise<unknown>): Promise<EngineError> {
  const outcome = await promise.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(EngineError);
  return outcome as EngineError;
}
