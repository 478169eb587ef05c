import type {
  Answer,
  CallName,
  CallRequest,
  CallResponse,
  Picked,
  StudioBridge,
  StudioError,
} from '../../preload/contract.ts';

declare global {
  interface Window {
    readonly studio: StudioBridge;
  }
}

/** What main answered instead of a result: carries the error to show. */
class StudioFailure extends Error {
  override readonly name = 'StudioFailure';

  constructor(readonly error: StudioError) {
    super(error.message);
  }
}

/** Asks main. @throws StudioFailure with main's error. */
export async function call<N extends CallName>(name: N, request: CallRequest<N>): Promise<CallResponse<N>> {
  return valueOf(await window.studio.call(name, request));
}

/** Grants a dropped file or folder. @throws StudioFailure where it cannot be taken. */
export async function grantDropped(file: File): Promise<Picked> {
  return valueOf(await window.studio.dropped(file));
}

/** The error to show for whatever was thrown. */
export function errorOf(thrown: unknown): StudioError {
  if (thrown instanceof StudioFailure) return thrown.error;
  return { code: 'window-failed', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new StudioFailure(answer.error);
}
