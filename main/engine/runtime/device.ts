/** What computes: the processor, or a graphics card through WebGPU. */
export type DeviceKind = 'cpu' | 'webgpu';

/** The device of a run, chosen once. */
export type ComputeDevice =
  | { readonly kind: 'cpu' }
  /** `card`: its name, as far as it is known. */
  | { readonly kind: 'webgpu'; readonly card: string };

export const cpu: ComputeDevice = { kind: 'cpu' };
