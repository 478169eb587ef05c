/** AdamW's settings, under torch.optim.AdamW's names. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** torch's defaults, as the paper's code has them. */
export const moments = { beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;

/** One parameter under training: values and moments change in place. */
export interface TrainedParameter {
  readonly name: string;
  readonly values: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Whether weight decay applies: to matrices, not to norms and biases. */
  readonly decays: boolean;
}

export function trainedParameter(name: string, values: Float32Array, decays: boolean): TrainedParameter {
  return {
    name,
    values,
    firstMoment: new Float32Array(values.length),
    secondMoment: new Float32Array(values.length),
    decays,
  };
}

/**
 * One step of AdamW with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW takes it.
 * @param step Counted from 1.
 * @param scale Factor on the gradient, for clipping.
 */
export function adamwStep(
  parameter: TrainedParameter,
  gradient: Float32Array,
  { step, learningRate, scale }: { step: number; learningRate: number; scale: number },
  { beta1, beta2, eps, weightDecay }: AdamWOptions,
): void {
  const { values, firstMoment, secondMoment } = parameter;
  const keep = parameter.decays ? 1 - learningRate * weightDecay : 1;
  const firstCorrection = learningRate / (1 - beta1 ** step);
  const secondCorrection = 1 / Math.sqrt(1 - beta2 ** step);
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i] * scale;
    const m = beta1 * firstMoment[i] + (1 - beta1) * g;
    const v = beta2 * secondMoment[i] + (1 - beta2) * g * g;
    firstMoment[i] = m;
    secondMoment[i] = v;
    values[i] = keep * values[i] - (firstCorrection * m) / (Math.sqrt(v) * secondCorrection + eps);
  }
}

/** The factor that brings the joint norm of all gradients to at most `maxNorm`, as torch's clip_grad_norm_. */
export function clippingScale(
  gradients: readonly Float32Array[],
  maxNorm: number,
): { norm: number; scale: number } {
  let squares = 0;
  for (const gradient of gradients) {
    for (const g of gradient) squares += g * g;
  }
  const norm = Math.sqrt(squares);
  return { norm, scale: Math.min(1, maxNorm / (norm + 1e-6)) };
}
