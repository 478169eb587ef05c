import { templateNames } from '../engine/dataset/prompt-template.ts';
import type { RecoverySettings } from '../engine/recovery.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { FileGrants } from './grants.ts';
import type { InspectedModel } from './inspect-model.ts';
import { prepareRunOf, type PreparedRun } from './preview-plan.ts';
import { checkRecipe, type DeviceWish, type Recipe, type RecoverRecipe } from './recipe.ts';
import { Refusal } from './refusal.ts';
import type { PruneRequest, RecoverRequest, RunRequest, TasksRequest } from './run-request.ts';

/** What a recovery comes to on a model. */
export interface PreparedRecovery extends PreparedRun {
  readonly recover: RecoverySettings;
}

/**
 * The recipe of what a window asked for: the paths of its ids, which must have been given out.
 * @throws Refusal file-not-granted, file-kind, request-invalid.
 */
export function askedRecipe(
  { prune, calibration, evaluate, recover }: RunRequest,
  model: InspectedModel,
  grants: FileGrants,
  device: DeviceWish,
): Recipe {
  const fileOf = (id: string | null): string | null => id && grants.pathOf(id, 'file');
  const { sourceId, ...sampling } = calibration;
  const { textId, moreTextIds = [], tasks, ...chunks } = evaluate;
  const text = [textId, ...moreTextIds].flatMap((id) => fileOf(id) ?? []);
  return checkRecipe(
    {
      model: model.folder,
      prune,
      calibration: { source: fileOf(sourceId), ...sampling },
      evaluate: {
        text: text.length > 1 ? text : (text[0] ?? null),
        ...chunks,
        ...(tasks && { tasks: tasksOf(tasks, grants) }),
      },
      ...(recover && { recover: recoverOf(recover, grants) }),
      device,
    },
    'The run',
  );
}

/** What a recovery alone comes to; throws as `askedRecipe` does. */
export function askedRecovery(
  request: RecoverRequest,
  model: InspectedModel,
  grants: FileGrants,
  prune?: PruneRequest,
  device?: ComputeDevice,
): PreparedRecovery {
  const recipe = checkRecipe(
    { model: model.folder, ...(prune && { prune }), recover: recoverOf(request, grants) },
    'The recovery',
  );
  const prepared = prepareRunOf(model, recipe, device);
  const { recover } = prepared.settings;
  if (recover === undefined) throw new RangeError('The recipe recovers nothing.');
  return { ...prepared, recover };
}

/** @throws Refusal request-invalid where none was picked. */
export function pathOfText(id: string | null, grants: FileGrants): string {
  if (id !== null) return grants.pathOf(id, 'file');
  throw new Refusal('request-invalid', 'No text was picked.', 'Pick a text or a JSONL file.');
}

function tasksOf({ dataId, ...rest }: TasksRequest, grants: FileGrants): Recipe['evaluate']['tasks'] {
  if (dataId !== null) return { ...rest, data: grants.pathOf(dataId, 'folder') };
  throw new Refusal(
    'request-invalid',
    'No folder was picked for the tasks.',
    'Pick the folder of their data.',
  );
}

function recoverOf({ dataId, template, ...rest }: RecoverRequest, grants: FileGrants): RecoverRecipe {
  return {
    ...rest,
    data: pathOfText(dataId, grants),
    template: templateNames.includes(template) ? template : grants.pathOf(template, 'file'),
  };
}
