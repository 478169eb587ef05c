import type { TrainingForecast } from '../engine/recovery-forecast.ts';
import type { TrainingPreview } from '../engine/recovery-preview.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import type { TextMeasure, TextPreview } from '../worker/messages.ts';
import { askedRecovery, pathOfText } from './asked-recipes.ts';
import type { DeviceChoice } from './choose-device.ts';
import type { FileGrants } from './grants.ts';
import { Lookouts } from './lookouts.ts';
import type { ModelLibrary } from './model-library.ts';
import type { CalibrationRequest, EvaluationRequest, PruneRequest, RecoverRequest } from './run-request.ts';

/** What the data of a run would come to, looked up in a process of its own while the run is set up. */
export class DataLookouts {
  private readonly lookouts: Lookouts;

  constructor(
    spawn: SpawnWorker,
    private readonly models: ModelLibrary,
    private readonly grants: FileGrants,
    private readonly device: () => Promise<DeviceChoice>,
  ) {
    this.lookouts = new Lookouts(spawn);
  }

  async previewText(modelId: string, { sourceId, ...sampling }: CalibrationRequest): Promise<TextPreview> {
    return this.lookouts.look({
      kind: 'preview-text',
      model: this.grants.pathOf(modelId, 'folder'),
      source: pathOfText(sourceId, this.grants),
      sampling,
    });
  }

  async measureText(modelId: string, { textId, seqLen, samples }: EvaluationRequest): Promise<TextMeasure> {
    return this.lookouts.look({
      kind: 'measure-text',
      model: this.grants.pathOf(modelId, 'folder'),
      text: pathOfText(textId, this.grants),
      seqLen,
      samples,
    });
  }

  async previewTraining(modelId: string, request: RecoverRequest): Promise<TrainingPreview> {
    const model = await this.models.known(modelId);
    const { settings, recover } = askedRecovery(request, model, this.grants);
    const { memory } = settings;
    return this.lookouts.look({ kind: 'preview-training', model: model.folder, recover, memory });
  }

  async forecastTraining(
    modelId: string,
    prune: PruneRequest,
    request: RecoverRequest,
  ): Promise<TrainingForecast> {
    const { device: found } = await this.device();
    const model = await this.models.known(modelId);
    const { settings, shape, recover } = askedRecovery(request, model, this.grants, prune, found);
    const { threads, memory, device } = settings;
    return this.lookouts.look({
      kind: 'forecast-training',
      model: model.folder,
      recover,
      shape,
      threads,
      memory,
      device,
    });
  }

  /** Ends what is at work. */
  close(): void {
    this.lookouts.close();
  }
}
