import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { templateNames } from '../engine/dataset/prompt-template.ts';
import type { CostSettings } from '../engine/evaluate/cost/interleave.ts';
import type { EvaluationSettings } from '../engine/evaluation.ts';
import type { RecoverySettings } from '../engine/recovery.ts';
import { describeModel } from '../engine/runtime/model.ts';
import type { FileGrants, Granted } from './grants.ts';
import { isFolder } from './is-folder.ts';
import type { ModelLibrary } from './model-library.ts';
import { modelFilesIn } from './run-identity.ts';
import type { KeptRun } from './run-library.ts';
import type { EvaluationRequest, RecoverRequest, RunRequest } from './run-request.ts';

type Pruned = KeptRun['stored']['settings']['prune'];

/** How a run was set up, as a person would ask for it again. */
export interface RunSetup {
  /** null where the model is gone, or is another by now. */
  readonly modelId: string | null;
  readonly settings: Omit<RunRequest, 'modelId' | 'prune'> & {
    readonly prune: Omit<Pruned, 'windows' | 'mode'> & {
      readonly mode?: Exclude<Pruned['mode'], 'none'>;
      readonly layers: Pruned['windows'];
    };
  };
  /** The texts of these settings; null where there is none, or it is gone. */
  readonly texts: {
    readonly calibration: Granted | null;
    readonly evaluation: Granted | null;
    /** Further texts to evaluate on, those of them that are still there. */
    readonly moreEvaluation: readonly Granted[];
    readonly recovery: Granted | null;
    /** A prompt template of one's own. */
    readonly template: Granted | null;
    /** The folder of the tasks' data. */
    readonly tasks: Granted | null;
  };
}

/** Grants what the run was made from: a person picked it then, and the run has written down where it lies. */
export async function setupOf(run: KeptRun, grants: FileGrants, models: ModelLibrary): Promise<RunSetup> {
  const { model, prune, calibration, evaluate, recover } = run.stored.settings;
  const { windows, mode, ...asked } = prune;
  const more = await Promise.all((evaluate.moreTexts ?? []).map((path) => grantText(path, grants)));
  const texts = {
    calibration: await grantText(calibration.source, grants),
    evaluation: await grantText(evaluate.text, grants),
    moreEvaluation: more.filter((text) => text !== null),
    recovery: await grantText(recover?.data ?? null, grants),
    template: await grantText(ownTemplate(recover), grants),
    tasks: await grantFolder(evaluate.tasks?.data ?? null, grants),
  };
  return {
    modelId: (await isAsItWas(run)) ? models.grant(model).id : null,
    settings: {
      prune: { ...(mode && mode !== 'none' && { mode }), ...asked, layers: windows },
      calibration: {
        sourceId: texts.calibration?.id ?? null,
        samples: calibration.samples,
        seqLen: calibration.seqLen,
        seed: calibration.seed,
      },
      evaluate: {
        textId: texts.evaluation?.id ?? null,
        ...(texts.moreEvaluation.length > 0 && { moreTextIds: texts.moreEvaluation.map(({ id }) => id) }),
        seqLen: evaluate.seqLen,
        samples: evaluate.samples,
        tasks: evaluate.tasks ? tasksRequestOf(evaluate.tasks, texts.tasks) : null,
        cost: evaluate.cost ? costRequestOf(evaluate.cost) : null,
      },
      recover: recover ? recoverRequestOf(recover, texts.recovery, texts.template) : null,
    },
    texts,
  };
}

function tasksRequestOf(
  { names, fewShot, bos, limit }: NonNullable<EvaluationSettings['tasks']>,
  data: Granted | null,
): EvaluationRequest['tasks'] {
  return { names: [...names], fewShot, bos, limit, dataId: data?.id ?? null };
}

const costRequestOf = (cost: CostSettings): EvaluationRequest['cost'] => ({
  ...cost,
  batchSizes: [...cost.batchSizes],
  promptLengths: [...cost.promptLengths],
});

/** A template of one's own that is gone leaves no data either: somebody has to look at both again. */
function recoverRequestOf(
  { training, lora, template, cutoff, maxRows, trainOnInputs, base, output, control }: RecoverySettings,
  data: Granted | null,
  own: Granted | null,
): RecoverRequest {
  const { dropout, ...schedule } = training;
  const isKnown = own !== null || templateNames.includes(template);
  return {
    cutoff,
    maxRows,
    trainOnInputs,
    base,
    output,
    control,
    ...schedule,
    dataId: isKnown ? (data?.id ?? null) : null,
    template: own?.id ?? (isKnown ? template : templateNames[0]),
    lora: { ...lora, targets: [...lora.targets], dropout },
  };
}

/**
 * Whether the model's folder holds layers of the same widths and no file written since the run was made. Its bytes are
 * not read: this is asked each time a run is looked at.
 */
async function isAsItWas({ stored, forecast, createdAt }: KeptRun): Promise<boolean> {
  const { model } = stored.settings;
  try {
    const { config } = await describeModel(model);
    const widths = forecast?.layers.map(({ before }) => before);
    if (widths !== undefined && !isDeepStrictEqual([...config.layers], widths)) return false;
    const written = await Promise.all(
      (await modelFilesIn(model)).map(async ({ path }) => (await stat(path)).mtimeMs),
    );
    return written.every((mtimeMs) => Math.floor(mtimeMs) <= Date.parse(createdAt));
  } catch {
    return false;
  }
}

const ownTemplate = (recover: RecoverySettings | undefined): string | null =>
  recover === undefined || templateNames.includes(recover.template) ? null : recover.template;

async function grantFolder(path: string | null, grants: FileGrants): Promise<Granted | null> {
  return path !== null && (await isFolder(path)) ? grants.grant(path, 'folder') : null;
}

async function grantText(path: string | null, grants: FileGrants): Promise<Granted | null> {
  if (path === null) return null;
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? grants.grant(path, 'file') : null;
}
