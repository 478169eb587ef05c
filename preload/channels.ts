/** Names under which the bridge and main exchange messages; what goes through them is in contract.ts. */
export const channels = {
  /** (name, request) -> Answer */
  call: 'studio:call',
  /** (path of a dropped file) -> Answer<Picked> */
  dropped: 'studio:dropped',
  /** (name, message), from main to the window */
  stream: 'studio:stream',
} as const;
